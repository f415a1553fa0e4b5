# Test programs with planted bugs in them (src/result/plant.h), for tools/check-plants. Only those sources of the library
# that have such bugs, or places to be interrupted at (src/writer/preemption.h), are compiled once more; everything else
# is as it was built. A program is then linked again with these objects, before the library is searched for the rest.
if(BUILD_SHARED_LIBS)
  return()
endif()

get_target_property(sources varve SOURCES)
set(planted_sources)
foreach(source IN LISTS sources)
  file(STRINGS ${source} plants REGEX "planted\\(|preemption_point\\(" LIMIT_COUNT 1)
  if(plants)
    list(APPEND planted_sources ${source})
    # A source that gets its first plant touches this header, too: look again then.
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/result/plant.h)
  endif()
endforeach()

add_library(varve_planted OBJECT EXCLUDE_FROM_ALL ${planted_sources})
# As under the sanitizers: sources that are joined compile several times as fast.
set_target_properties(varve_planted PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
target_compile_definitions(varve_planted PRIVATE VARVE_PLANTS VARVE_PREEMPTION)
target_include_directories(varve_planted PRIVATE $<TARGET_PROPERTY:varve,INCLUDE_DIRECTORIES>)
target_link_libraries(varve_planted PRIVATE $<TARGET_PROPERTY:varve,LINK_LIBRARIES>)

add_custom_target(varve_plants)
foreach(program
    position_test takeover_test appender_test survey_test sweep_test tail_listing_test locate_test format_test
    mirroring_test mirror_test file_store_test s3_test batch_test writer_test reader_test bell_test cursors_test
    consumer_test retention_test repair_test varve_sim varve_exhaust)
  if(NOT TARGET ${program})
    continue()
  endif()
  add_executable(${program}_planted EXCLUDE_FROM_ALL $<TARGET_OBJECTS:${program}> $<TARGET_OBJECTS:varve_planted>)
  target_link_libraries(${program}_planted PRIVATE $<TARGET_PROPERTY:${program},LINK_LIBRARIES>)
  add_dependencies(varve_plants ${program}_planted)
endforeach()
