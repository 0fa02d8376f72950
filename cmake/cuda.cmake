# The CUDA back end, a plug-in: built where nvcc is.
#
# BITLLAMA_CUDA          AUTO (where nvcc is found), ON (must be), OFF
# BITLLAMA_CUDA_TARGETS  what machine code is made for: compute capabilities, the oldest also as PTX for later cards; at
#                        first what the variable of that name in the environment says
set(BITLLAMA_CUDA AUTO CACHE STRING "the CUDA back end: AUTO, ON or OFF")
set(BL_CUDA_TARGETS "80;90a")
if(DEFINED ENV{BITLLAMA_CUDA_TARGETS})
  set(BL_CUDA_TARGETS "$ENV{BITLLAMA_CUDA_TARGETS}")
endif()
set(BITLLAMA_CUDA_TARGETS "${BL_CUDA_TARGETS}" CACHE STRING "compute capabilities, the oldest first")
string(TOUPPER "${BITLLAMA_CUDA}" BL_CUDA)
if(BL_CUDA STREQUAL "OFF")
  return()
endif()

include(CheckLanguage)
if(NOT CMAKE_CUDA_COMPILER)
  find_program(BL_NVCC nvcc HINTS ENV CUDA_HOME ENV CUDA_PATH PATH_SUFFIXES bin PATHS /usr/local/cuda)
  if(BL_NVCC)
    set(CMAKE_CUDA_COMPILER ${BL_NVCC})
  else()
    check_language(CUDA)
  endif()
endif()
if(NOT CMAKE_CUDA_COMPILER)
  if(BL_CUDA STREQUAL "ON")
    message(FATAL_ERROR "BITLLAMA_CUDA=ON, and there is no nvcc: install the CUDA toolkit 12.4 or later")
  endif()
  message(STATUS "The CUDA back end is not built: there is no nvcc")
  return()
endif()
set(CMAKE_CUDA_ARCHITECTURES OFF) # they are in the flags below: 90a is newer than some cmake
enable_language(CUDA)
find_package(CUDAToolkit QUIET)
if(NOT CUDAToolkit_FOUND OR CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12.4 OR NOT TARGET CUDA::cublasLt)
  if(BL_CUDA STREQUAL "ON")
    message(FATAL_ERROR "BITLLAMA_CUDA=ON needs a CUDA toolkit of 12.4 or later with cuBLASLt")
  endif()
  message(STATUS "The CUDA back end is not built: it needs a CUDA toolkit of 12.4 or later with cuBLASLt")
  return()
endif()

set(BL_CUDA_CODE "")
foreach(target ${BITLLAMA_CUDA_TARGETS})
  list(APPEND BL_CUDA_CODE "-gencode=arch=compute_${target},code=sm_${target}")
endforeach()
list(GET BITLLAMA_CUDA_TARGETS 0 BL_CUDA_OLDEST)
list(APPEND BL_CUDA_CODE "-gencode=arch=compute_${BL_CUDA_OLDEST},code=compute_${BL_CUDA_OLDEST}")

file(GLOB BL_CUDA_SOURCES CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/cuda/*.cu)
add_library(bitllama_cuda MODULE ${BL_CUDA_SOURCES})
target_compile_features(bitllama_cuda PRIVATE cuda_std_17)
target_compile_options(bitllama_cuda PRIVATE ${BL_CUDA_CODE} -Xcompiler=-Wall,-fvisibility=hidden
  $<$<BOOL:${BITLLAMA_WERROR}>:-Werror=all-warnings>)
if("90a" IN_LIST BITLLAMA_CUDA_TARGETS)
  target_compile_definitions(bitllama_cuda PRIVATE BL_CUDA_90A) # kernels of Hopper's own instructions are there
endif()
target_include_directories(bitllama_cuda PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(bitllama_cuda PRIVATE bitllama_static ${BL_LIBRARIES} CUDA::cudart_static CUDA::cublasLt)
target_link_options(bitllama_cuda PRIVATE -Wl,--exclude-libs,ALL)
set_target_properties(bitllama_cuda PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}
  CUDA_RUNTIME_LIBRARY Static INSTALL_RPATH_USE_LINK_PATH TRUE) # where cuBLASLt is, also when installed
install(TARGETS bitllama_cuda LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/bitllama)
