# Read by CMake right after `project(llama.cpp)`: llama-cpp-python's own CMakeLists forces the common library on,
# which the bindings never link to. Without it the wheel compiles in about half the time.
set(LLAMA_BUILD_COMMON OFF CACHE BOOL "llama.cpp common library" FORCE)
