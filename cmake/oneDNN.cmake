# Finds oneDNN by header and library: Debian's own CMake file asks for OpenCL's headers as well.
find_path(DNNL_INCLUDE_DIR dnnl.h)
find_library(DNNL_LIBRARY dnnl)
if(NOT DNNL_INCLUDE_DIR OR NOT DNNL_LIBRARY)
  message(FATAL_ERROR "oneDNN not found: install libdnnl-dev, or configure with -DBITLLAMA_ONEDNN=OFF")
endif()
add_library(oneDNN UNKNOWN IMPORTED)
set_target_properties(oneDNN PROPERTIES IMPORTED_LOCATION ${DNNL_LIBRARY}
  INTERFACE_INCLUDE_DIRECTORIES ${DNNL_INCLUDE_DIR})
