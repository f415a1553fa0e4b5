#include "object_store/s3/canonical.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <chrono>

#include "object_store/s3/signature.h"

namespace varve::object_store::s3 {
namespace {

TEST(Canonical, EncodesAllButUnreserved) {
  EXPECT_EQ(encode_component("AZaz09-_.~"), "AZaz09-_.~");
  EXPECT_EQ(encode_component("a/b c+d%e=f&g?h#i@j:k;l,m*n'o(p)q!r$s[t]"),
            "a%2Fb%20c%2Bd%25e%3Df%26g%3Fh%23i%40j%3Ak%3Bl%2Cm%2An%27o%28p%29q%21r%24s%5Bt%5D");
  EXPECT_EQ(encode_path("logs/ä€😀/\x01\x7f"), "logs/%C3%A4%E2%82%AC%F0%9F%98%80/%01%7F");
}

TEST(Canonical, SortsAQueryByItsEncodedNamesAndKeepsTheEqualsSign) {
  EXPECT_EQ(encode_query({{"prefix", "a b"}, {"list-type", "2"}, {"delete", ""}, {"A", "1"}}),
            "A=1&delete=&list-type=2&prefix=a%20b");
  EXPECT_EQ(encode_query({}), "");
}

TEST(Canonical, RefusesBrokenEscapes) {
  EXPECT_EQ(decode_component("a%2"), std::nullopt);
  EXPECT_EQ(decode_component("%"), std::nullopt);
  EXPECT_EQ(decode_component("%zz"), std::nullopt);
  EXPECT_EQ(decode_component("a+b%2Bc%2f"), "a b+c/");
}

RC_GTEST_PROP(Canonical, DecodingUndoesEncoding, (const std::string& text)) {
  RC_ASSERT(decode_component(encode_component(text)) == text);
  RC_ASSERT(decode_component(encode_path(text)) == text);
}

// The examples of "Authenticating Requests: Using the Authorization Header (AWS Signature Version 4)",
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
class S3Examples : public testing::Test {
 protected:
  static constexpr std::string_view empty_hash =
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

  std::string sign(std::string_view payload_hash) {
    std::vector<Header> headers = request_.headers;
    headers.push_back({"host", "examplebucket.s3.amazonaws.com"});
    headers.push_back({"x-amz-content-sha256", std::string(payload_hash)});
    headers.push_back({"x-amz-date", "20130524T000000Z"});
    return Signer({.region = "us-east-1"}, keys_).authorization(request_, headers, payload_hash);
  }

  Credentials keys_{.access_key_id = "AKIAIOSFODNN7EXAMPLE",
                    .secret_access_key = Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
                    .source = "test"};
  HttpRequest request_;
};

TEST_F(S3Examples, GetObjectWithARange) {
  request_.path = "/" + encode_path("test.txt");
  request_.headers = {{"range", "bytes=0-9"}};
  EXPECT_EQ(sign(empty_hash),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST_F(S3Examples, PutObjectWithAnOddName) {
  request_.method = Method::put;
  request_.path = "/" + encode_path("test$file.text");
  request_.headers = {{"date", "Fri, 24 May 2013 00:00:00 GMT"},
                      {"x-amz-storage-class", "REDUCED_REDUNDANCY"}};
  EXPECT_TRUE(sign("44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072")
                  .ends_with("Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
}

TEST_F(S3Examples, AParameterWithoutAValue) {
  request_.path = "/";
  request_.query = encode_query({{"lifecycle", ""}});
  EXPECT_TRUE(sign(empty_hash).ends_with("fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
}

TEST_F(S3Examples, AListing) {
  request_.path = "/";
  request_.query = encode_query({{"prefix", "J"}, {"max-keys", "2"}});
  EXPECT_TRUE(sign(empty_hash).ends_with("34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

// Vectors of the AWS Signature Version 4 test suite, by their names there (awslabs/aws-c-auth,
// tests/aws-signing-test-suite/v4).
std::string suite_signature(HttpRequest request, std::vector<Header> more = {}) {
  std::vector<Header> headers = {{"x-amz-date", "20150830T123600Z"}, {"host", "example.amazonaws.com"}};
  headers.insert(headers.end(), more.begin(), more.end());
  Signer signer({.region = "us-east-1", .service = "service"},
                {.access_key_id = "AKIDEXAMPLE",
                 .secret_access_key = Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
                 .source = "test"});
  const std::string value = signer.authorization(
      request, headers, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  return value.substr(value.rfind('=') + 1);
}

TEST(SuiteVectors, GetUtf8) {
  EXPECT_EQ(suite_signature({.path = encode_path("/ሴ")}),
            "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85");
}

TEST(SuiteVectors, GetVanillaQueryOrderKeyCase) {
  EXPECT_EQ(
      suite_signature({.path = "/", .query = encode_query({{"Param2", "value2"}, {"Param1", "value1"}})}),
      "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
}

TEST(SuiteVectors, GetSpaceNormalized) {
  EXPECT_EQ(suite_signature({.path = encode_path("/example space/")}),
            "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741");
}

TEST(SuiteVectors, GetUnreserved) {
  const std::string all = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  EXPECT_EQ(suite_signature({.path = encode_path("/" + all)}),
            "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f");
}

TEST(SuiteVectors, GetVanillaUtf8Query) {
  EXPECT_EQ(suite_signature({.path = "/", .query = encode_query({{"ሴ", "bar"}})}),
            "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04");
}

TEST(SuiteVectors, GetVanillaQueryOrderValue) {
  EXPECT_EQ(
      suite_signature({.path = "/", .query = encode_query({{"Param1", "value2"}, {"Param1", "value1"}})}),
      "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694");
}

TEST(SuiteVectors, GetVanillaQueryUnreserved) {
  const std::string all = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  EXPECT_EQ(suite_signature({.path = "/", .query = encode_query({{all, all}})}),
            "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197");
}

TEST(SuiteVectors, GetHeaderValueTrim) {
  EXPECT_EQ(suite_signature({.path = "/"}, {{"my-header1", " value1"}, {"my-header2", " \"a   b   c\" "}}),
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
}

TEST(SuiteVectors, GetVanillaWithSessionToken) {
  EXPECT_EQ(
      suite_signature({.path = "/"}, {{"x-amz-security-token",
                                       "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"}}),
      "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8");
}

TEST(Signature, SendsWhatItSigns) {
  const Credentials keys{.access_key_id = "A:1",
                         .secret_access_key = Secret("s"),
                         .session_token = Secret("t"),
                         .source = "test"};
  const HttpRequest request{.method = Method::put, .path = "/k", .headers = {{"if-none-match", "*"}}};
  const auto headers =
      Signer({.region = "r"}, keys).sign(request, "h:1", std::chrono::system_clock::from_time_t(1440938160));
  ASSERT_EQ(headers.size(), 6u);
  EXPECT_EQ(headers[2], (Header{"x-amz-date", "20150830T123600Z"}));
  EXPECT_EQ(headers[3], (Header{"x-amz-content-sha256", "UNSIGNED-PAYLOAD"}));
  EXPECT_EQ(headers[4], (Header{"x-amz-security-token", "t"}));
  EXPECT_EQ(headers[5].name, "authorization");
  EXPECT_NE(headers[5].value.find("if-none-match;x-amz-content-sha256;x-amz-date;x-amz-security-token"),
            std::string::npos);
}

// The order that whole header lines would get wrong: ':' sorts after '-'.
TEST(Signature, SortsHeaderNamesNotLines) {
  Signer signer({.region = "r"}, {.access_key_id = "A", .secret_access_key = Secret("s"), .source = "test"});
  const std::string value = signer.authorization({.path = "/"},
                                                 {{"x-amz-server-side-encryption-aws-kms-key-id", "k"},
                                                  {"x-amz-server-side-encryption", "aws:kms"},
                                                  {"x-amz-date", "20150830T123600Z"}},
                                                 "UNSIGNED-PAYLOAD");
  EXPECT_NE(value.find("x-amz-date;x-amz-server-side-encryption;x-amz-server-side-encryption-aws-kms-key-id"),
            std::string::npos);
}

// The key that a signer remembers is one day's.
TEST(Signature, ADayLaterTheKeyIsAnother) {
  const Credentials keys{.access_key_id = "A", .secret_access_key = Secret("s"), .source = "test"};
  const HttpRequest request{.path = "/k"};
  const auto today = std::chrono::system_clock::from_time_t(1440938160);
  Signer through_the_night({.region = "r"}, keys);
  const auto before = through_the_night.sign(request, "h", today);
  EXPECT_EQ(through_the_night.sign(request, "h", today), before);
  const auto tomorrow = today + std::chrono::hours(24);
  EXPECT_EQ(through_the_night.sign(request, "h", tomorrow),
            Signer({.region = "r"}, keys).sign(request, "h", tomorrow));
}

}  // namespace
}  // namespace varve::object_store::s3
