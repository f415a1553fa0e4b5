// Trials of whole logs on a real S3 server, which ctest starts. Without its packages this program
// says so and exits with 77: skipped, not passed.
#include <gtest/gtest.h>

#include <iostream>

#include "trial.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const auto found = varve::s3_trial::find_gateway();
  if (!found) {
    std::cerr << "SKIPPED: no S3 gateway to test on. Run make deps for Ceph's packages, and this by ctest, "
                 "which starts it.\n";
    return 77;
  }
  varve::s3_trial::gateway = *found;
  return RUN_ALL_TESTS();
}
