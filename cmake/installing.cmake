# What `cmake --install` places: the library, its public headers, the command, and how to find them again
# (a CMake package and a pkg-config file). tests/consumer builds against the result.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/varve)

install(TARGETS varve EXPORT varve-targets FILE_SET HEADERS)
install(EXPORT varve-targets NAMESPACE varve:: DESTINATION ${package_dir})

if(TARGET varve_exporter)
  install(TARGETS varve_exporter EXPORT varve-exporter-targets FILE_SET HEADERS)
  install(EXPORT varve-exporter-targets NAMESPACE varve:: DESTINATION ${package_dir})
endif()

configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/varve-config.cmake.in
  ${PROJECT_BINARY_DIR}/varve-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/varve-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/varve-config.cmake ${PROJECT_BINARY_DIR}/varve-config-version.cmake
  DESTINATION ${package_dir})

file(RELATIVE_PATH prefix_from_pkgconfig /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(${PROJECT_SOURCE_DIR}/cmake/varve.pc.in ${PROJECT_BINARY_DIR}/varve.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/varve.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

if(TARGET varve_cli)
  install(TARGETS varve_cli)
endif()
