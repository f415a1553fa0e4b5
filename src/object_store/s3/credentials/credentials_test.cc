// Each source of credentials against a server that stands in for AWS's.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>

#include "object_store/s3/credentials/keeper.h"
#include "object_store/s3/credentials/shared_files.h"
#include "object_store/s3/credentials/sources.h"
#include "testing/fake_server.h"

namespace varve::object_store::s3 {
namespace {

using std::chrono::system_clock;
using testing::HasSubstr;
using testing::Not;

class CredentialsTest : public testing::Test {
 protected:
  CredentialsTest() : dir_(testing::TempDir() + "varve-credentials-" + std::to_string(::getpid())) {
    std::filesystem::create_directories(dir_);
    variables_["HOME"] = dir_;
    variables_["AWS_EC2_METADATA_DISABLED"] = "true";
  }
  ~CredentialsTest() override { std::filesystem::remove_all(dir_); }

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(dir_ + "/" + name).parent_path());
    std::ofstream(dir_ + "/" + name) << text;
  }
  void serve(FakeServer::Handler handler) { server_ = std::make_unique<FakeServer>(std::move(handler)); }
  SourceContext context() {
    return {.environment = [this](const std::string& name) -> std::optional<std::string> {
              const auto found = variables_.find(name);
              return found == variables_.end() ? std::nullopt : std::optional(found->second);
            },
            .fetch = fetch_with_curl(stop_, ""),
            .profile = profile_,
            .region = "eu-west-1"};
  }
  Result<Credentials> find() { return find_credentials(context()); }

  std::string dir_;
  std::map<std::string, std::string> variables_;
  std::string profile_;
  std::atomic<bool> stop_ = false;
  std::unique_ptr<FakeServer> server_;
};

constexpr const char* metadata_json =
    R"({"Code":"Success","AccessKeyId":"AK","SecretAccessKey":"SK","Token":"ST","Expiration":"2030-01-02T03:04:05Z"})";
constexpr std::int64_t metadata_expiry_s = 1893553445;

void expect_metadata_keys(const Result<Credentials>& found) {
  ASSERT_TRUE(found) << found.error().message();
  EXPECT_EQ(found->access_key_id, "AK");
  EXPECT_EQ(found->secret_access_key.reveal(), "SK");
  EXPECT_EQ(found->session_token.reveal(), "ST");
  EXPECT_EQ(system_clock::to_time_t(found->expires.value()), metadata_expiry_s);
}

TEST_F(CredentialsTest, TheEnvironmentComesFirst) {
  write(".aws/credentials", "[default]\naws_access_key_id = file\naws_secret_access_key = s\n");
  variables_["AWS_ACCESS_KEY_ID"] = "env";
  EXPECT_THAT(find().error().message(), HasSubstr("AWS_SECRET_ACCESS_KEY is not"));
  variables_["AWS_SECRET_ACCESS_KEY"] = "s";
  variables_["AWS_SESSION_TOKEN"] = "t";
  const auto found = find();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->access_key_id, "env");
  EXPECT_EQ(found->session_token.reveal(), "t");
  EXPECT_EQ(found->source, "environment");
}

TEST_F(CredentialsTest, ProfilesOfTheSharedFiles) {
  write(".aws/credentials",
        "# mine\n[default]\naws_access_key_id = A\naws_secret_access_key = S ; "
        "why\n\n[dev]\r\nAWS_ACCESS_KEY_ID=D\r\naws_secret_access_key=DS\r\n");
  write(".aws/config",
        "[profile dev]\nregion = eu-north-1\naws_access_key_id = other\ns3 =\n  addressing_style = "
        "path\n[profile sso]\nsso_session = x\n");
  EXPECT_EQ(find()->access_key_id, "A");
  EXPECT_EQ(find()->secret_access_key.reveal(), "S");
  variables_["AWS_PROFILE"] = "dev";
  EXPECT_EQ(find()->access_key_id, "D");
  EXPECT_EQ(profile_region("", context().environment), "eu-north-1");
  profile_ = "default";  // the URI's word goes before AWS_PROFILE
  EXPECT_EQ(find()->access_key_id, "A");
  profile_ = "sso";
  EXPECT_THAT(find().error().message(), HasSubstr("aws configure export-credentials --profile sso"));
  profile_ = "missing";
  EXPECT_EQ(find().error().code(), Code::denied);
  EXPECT_THAT(find().error().message(), HasSubstr("no profile 'missing'"));
}

TEST_F(CredentialsTest, AWebIdentityIsExchangedForKeys) {
  write("token", "a.jwt+token/=");
  ArrivedRequest arrived;
  serve([&](const ArrivedRequest& request) {
    arrived = request;
    return http_answer(
        200,
        "<AssumeRoleWithWebIdentityResponse "
        "xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleWithWebIdentityResult>"
        "<Credentials><SessionToken>ST</SessionToken><SecretAccessKey>SK</SecretAccessKey>"
        "<Expiration>2030-01-02T03:04:05Z</Expiration><AccessKeyId>AK</AccessKeyId></Credentials>"
        "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>");
  });
  variables_["AWS_WEB_IDENTITY_TOKEN_FILE"] = dir_ + "/token";
  variables_["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/r";
  variables_["AWS_ENDPOINT_URL_STS"] = server_->url();
  expect_metadata_keys(find());
  EXPECT_EQ(arrived.method, "POST");
  EXPECT_EQ(arrived.body,
            "Action=AssumeRoleWithWebIdentity&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName="
            "varve&Version=2011-06-15"
            "&WebIdentityToken=a.jwt%2Btoken%2F%3D");
}

TEST_F(CredentialsTest, ARefusedWebIdentityIsExplainedAndTheTokenNotShown) {
  write("token", "the-secret-token");
  serve([&](const ArrivedRequest&) {
    return http_answer(
        403, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>");
  });
  write(".aws/config", fmt::format("[default]\nrole_arn = arn\nweb_identity_token_file = {}/token\n", dir_));
  variables_["AWS_ENDPOINT_URL_STS"] = server_->url();
  const auto found = find();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), Code::denied);
  EXPECT_THAT(found.error().message(), HasSubstr("trust policy"));
  EXPECT_THAT(found.error().message(), Not(HasSubstr("the-secret-token")));
}

TEST_F(CredentialsTest, AContainersEndpoint) {
  ArrivedRequest arrived;
  serve([&](const ArrivedRequest& request) {
    arrived = request;
    return http_answer(200, metadata_json);
  });
  variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = server_->url() + "/keys";
  variables_["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "Basic abc";
  expect_metadata_keys(find());
  EXPECT_EQ(arrived.target, "/keys");
  EXPECT_EQ(arrived.headers["authorization"], "Basic abc");
  write("token", "from the file\n");
  variables_["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = dir_ + "/token";
  expect_metadata_keys(find());
  EXPECT_EQ(arrived.headers["authorization"], "from the file");
}

TEST_F(CredentialsTest, AContainersTokenGoesToNoStranger) {
  for (const char* elsewhere : {"http://example.com/", "http://127.0.0.1.example.com/",
                                "http://localhost@example.com/", "ftp://127.0.0.1/"}) {
    variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = elsewhere;
    EXPECT_EQ(find().error().code(), Code::denied) << elsewhere;
  }
}

TEST_F(CredentialsTest, AnInstancesMetadataWithASessionToken) {
  serve([&](const ArrivedRequest& request) {
    if (request.method == "PUT")
      return http_answer(200,
                         request.headers.contains("x-aws-ec2-metadata-token-ttl-seconds") ? "session" : "");
    if (request.headers.at("x-aws-ec2-metadata-token") != "session") return http_answer(401);
    const std::string path = "/latest/meta-data/iam/security-credentials/";
    if (request.target == path) return http_answer(200, "my-role\n");
    return request.target == path + "my-role" ? http_answer(200, metadata_json) : http_answer(404);
  });
  variables_.erase("AWS_EC2_METADATA_DISABLED");
  variables_["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = server_->url();
  expect_metadata_keys(find());
}

TEST_F(CredentialsTest, WhatFailsSaysSo) {
  serve([](const ArrivedRequest& request) {
    return request.method == "PUT" ? http_answer(200, "t") : http_answer(404);
  });
  variables_.erase("AWS_EC2_METADATA_DISABLED");
  variables_["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = server_->url();
  EXPECT_THAT(find().error().message(), HasSubstr("attach a role"));
  serve([](const ArrivedRequest&) { return http_answer(200, "{}"); });
  variables_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = server_->url();
  EXPECT_EQ(find().error().code(), Code::unavailable);
}

TEST_F(CredentialsTest, NoneAnywhereNamesEveryPlace) {
  const auto found = find();
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code(), Code::denied);
  for (const char* place : {"AWS_ACCESS_KEY_ID", "profile 'default'", "AWS_WEB_IDENTITY_TOKEN_FILE",
                            "container", "instance metadata", "anonymous=true"}) {
    EXPECT_THAT(found.error().message(), HasSubstr(place));
  }
}

TEST(RefreshTime, IsWellBeforeTheEnd) {
  const auto now = system_clock::from_time_t(1'000'000);
  Credentials keys;
  EXPECT_FALSE(refresh_time(keys, now));
  keys.expires = now + std::chrono::hours(1);
  EXPECT_EQ(*refresh_time(keys, now), now + std::chrono::minutes(50));
  keys.expires = now + std::chrono::minutes(4);
  EXPECT_EQ(*refresh_time(keys, now), now + std::chrono::minutes(2));
  keys.expires = now - std::chrono::hours(1);
  EXPECT_EQ(*refresh_time(keys, now), now + std::chrono::seconds(1));
}

TEST(Keeper, FetchesAgainBeforeTheEndAndKeepsWhatStillWorks) {
  std::atomic<int> fetches = 0;
  std::atomic<int> changes = 0;
  CredentialsKeeper keeper(
      [&](const std::atomic<bool>&) -> Result<Credentials> {
        if (++fetches == 2) return Error(Code::unavailable, "not now");
        return Credentials{.access_key_id = std::to_string(fetches),
                           .secret_access_key = Secret("s"),
                           .expires = system_clock::now() + std::chrono::seconds(2),
                           .source = "test"};
      },
      [&] {
        ++changes;
        changes.notify_all();
      });
  changes.wait(0);
  EXPECT_EQ(keeper.state().credentials->access_key_id, "1");
  changes.wait(1);  // half its life later
  const auto state = keeper.state();
  EXPECT_EQ(state.fetches, 2U);
  EXPECT_TRUE(state.error);
  ASSERT_TRUE(state.credentials) << "a failed refresh takes nothing away";
  keeper.refetch();
  changes.wait(2);
  EXPECT_EQ(keeper.state().credentials->access_key_id, "3");
  EXPECT_FALSE(keeper.state().error);
}

TEST(Keeper, StopsASlowFetch) {
  std::atomic<bool> entered = false;
  CredentialsKeeper keeper(
      [&](const std::atomic<bool>& stop) -> Result<Credentials> {
        entered = true;
        entered.notify_all();
        while (!stop) std::this_thread::yield();
        return Error(Code::unavailable, "stopped");
      },
      [] {});
  entered.wait(false);
}

TEST(Secrets, AreWiped) {
  alignas(Secret) unsigned char memory[sizeof(Secret)];
  auto* secret = new (memory) Secret("hush-hush");  // short: inside the object
  const std::string_view inside = secret->reveal();
  EXPECT_EQ(inside, "hush-hush");
  secret->~Secret();
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(memory), sizeof(memory)).find("hush"),
            std::string::npos);
}

}  // namespace
}  // namespace varve::object_store::s3
