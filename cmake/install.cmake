# What `cmake --install` puts where: both libraries, the header, the pkg-config file, the files of
# find_package(), the man pages, what shells complete by, and the licence.
install(TARGETS bitllama_static bitllama_shared
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES include/bitllama.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_BINARY_DIR}/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1
  FILES_MATCHING PATTERN "*.1")
set(BL_SHELLS ${PROJECT_BINARY_DIR}/completion)
install(FILES ${BL_SHELLS}/bash RENAME bitllama
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${BL_SHELLS}/zsh RENAME _bitllama
  DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES ${BL_SHELLS}/fish RENAME bitllama.fish
  DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(FILES LICENSE README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)

# The prefix is found from the file's own place, so an installed tree may be moved as a whole.
file(RELATIVE_PATH BL_PC_PREFIX "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
set(BL_PC_PRIVATE "jansson libpcre2-8 libutf8proc libxxhash zlib libzstd liblzma")
set(BL_PC_LIBS_PRIVATE "-pthread -ldl -lm")
if(BITLLAMA_CURL) # not Requires.private: Debian's libcurl.pc would ask for a dozen more -dev packages
  string(PREPEND BL_PC_LIBS_PRIVATE "-lcurl -lcrypto ")
endif()
configure_file(cmake/bitllama.pc.in bitllama.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/bitllama.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# The same for find_package().
include(CMakePackageConfigHelpers)
string(REPLACE " " ";" BL_PC_LIBS "${BL_PC_LIBS_PRIVATE}")
set(BL_SHARED_NAME libbitllama${CMAKE_SHARED_LIBRARY_SUFFIX})
set(BL_STATIC_NAME libbitllama${CMAKE_STATIC_LIBRARY_SUFFIX})
set(BL_CONFIG_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/bitllama)
configure_package_config_file(cmake/bitllamaConfig.cmake.in bitllamaConfig.cmake
  INSTALL_DESTINATION ${BL_CONFIG_DIR} PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/bitllamaConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/bitllamaConfig.cmake
  ${PROJECT_BINARY_DIR}/bitllamaConfigVersion.cmake DESTINATION ${BL_CONFIG_DIR})
