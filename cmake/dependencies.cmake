# Every library we stand on; why each: docs/dependencies.md. Debian packages: tools/packages.
find_package(Threads REQUIRED)
find_package(tl-expected REQUIRED)
find_package(fmt REQUIRED)

find_package(CURL 7.85 REQUIRED)  # since then: CURLOPT_PROTOCOLS_STR
find_package(OpenSSL 3.0 REQUIRED COMPONENTS Crypto SSL)  # SSL: a server in the tests
find_package(pugixml REQUIRED)
find_package(nlohmann_json REQUIRED)

find_package(PkgConfig REQUIRED)
pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET libisal)
pkg_check_modules(LZ4 REQUIRED IMPORTED_TARGET liblz4)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)

if(VARVE_BUILD_EXPORTER OR VARVE_BUILD_CLI)
  pkg_check_modules(PROMETHEUS REQUIRED IMPORTED_TARGET prometheus-cpp-core)
  pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd)
endif()
if(VARVE_BUILD_CLI)
  find_package(CLI11 REQUIRED)
  find_package(spdlog REQUIRED)
endif()
if(VARVE_BUILD_TESTS)
  find_package(GTest REQUIRED)
  find_package(rapidcheck REQUIRED)
endif()
