# What the wheel of the Python package takes of this build (pyproject.toml): the shared library, and the plug-ins beside it.
if(NOT SKBUILD)
  return()
endif()
# A wheel has no symbolic links, so the library in it has one name and no version.
set_target_properties(bitllama_shared PROPERTIES VERSION "" SOVERSION "" NO_SONAME ON)
add_custom_target(bitllama_python DEPENDS bitllama_shared)
install(FILES $<TARGET_FILE:bitllama_shared> DESTINATION bitllama/lib COMPONENT python)
if(TARGET bitllama_cuda)
  add_dependencies(bitllama_python bitllama_cuda)
  install(FILES $<TARGET_FILE:bitllama_cuda> DESTINATION bitllama/lib COMPONENT python)
endif()
