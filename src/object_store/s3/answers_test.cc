#include "object_store/s3/answers.h"

#include <gtest/gtest.h>

#include "object_store/bytes.h"
#include "object_store/s3/request.h"

namespace varve::object_store::s3 {
namespace {

std::string page(std::string_view contents, std::string_view rest = "<IsTruncated>false</IsTruncated>") {
  return std::string(
             "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">") +
         std::string(rest) + std::string(contents) + "</ListBucketResult>";
}

TEST(Listings, AreReadInOrder) {
  const auto got =
      parse_listing(page("<Contents><Key>a/1</Key><Size>5</Size></Contents><Contents><Key>a/2</Key><Size>0</"
                         "Size></Contents>",
                         "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"),
                    "a/", "a/0");
  ASSERT_TRUE(got);
  EXPECT_TRUE(got->listing.truncated);
  EXPECT_EQ(got->token, "t");
  ASSERT_EQ(got->listing.objects.size(), 2U);
  EXPECT_EQ(got->listing.objects[0].key, "a/1");
  EXPECT_EQ(got->listing.objects[0].bytes, 5U);
}

TEST(Listings, KeysAreDecodedOnlyIfTheAnswerSaysThatTheyAreEncoded) {
  constexpr std::string_view contents = "<Contents><Key>a%2Bb+c</Key><Size>1</Size></Contents>";
  EXPECT_EQ(parse_listing(page(contents), "", "")->listing.objects[0].key, "a%2Bb+c");
  EXPECT_EQ(parse_listing(page(contents, "<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>"),
                          "", "")
                ->listing.objects[0]
                .key,
            "a+b c");
}

TEST(Listings, WhatMakesNoSenseIsRefused) {
  const std::string good = page("<Contents><Key>b</Key><Size>1</Size></Contents>");
  ASSERT_TRUE(parse_listing(good, "", "a"));
  EXPECT_FALSE(parse_listing(good, "", "b")) << "not after what was asked for";
  EXPECT_FALSE(parse_listing(good, "c", "")) << "another prefix";
  EXPECT_FALSE(parse_listing(good.substr(0, good.size() - 5), "", ""));
  EXPECT_FALSE(parse_listing("", "", ""));
  EXPECT_FALSE(parse_listing("<html>hello</html>", "", ""));
  EXPECT_FALSE(parse_listing(page("", ""), "", "")) << "truncated or not?";
  EXPECT_FALSE(parse_listing(page("", "<IsTruncated>true</IsTruncated>"), "", "")) << "more, but where?";
  EXPECT_FALSE(parse_listing(
      page("<Contents><Key>b</Key><Size>1</Size></Contents><Contents><Key>a</Key><Size>1</Size></Contents>"),
      "", ""));
  EXPECT_FALSE(parse_listing(page("<Contents><Key>b</Key><Size>-1</Size></Contents>"), "", ""));
  EXPECT_FALSE(parse_listing(page("<Contents><Size>1</Size></Contents>"), "", ""));
  EXPECT_FALSE(parse_listing(page("<Contents><Key>%2</Key><Size>1</Size></Contents>",
                                  "<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>"),
                             "", ""));
}

TEST(Errors, AreReadOrNot) {
  const auto error = parse_error(
      "<Error><Code>PermanentRedirect</Code><Message>go\taway</Message><Region>r</Region></Error>");
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, "PermanentRedirect");
  EXPECT_EQ(error->message, "go away");
  EXPECT_EQ(error->region, "r");
  EXPECT_FALSE(parse_error(""));
  EXPECT_FALSE(parse_error("<html><body>404</body></html>"));
}

TEST(DeleteResults, NameTheKeysThatFailed) {
  const auto errors = parse_delete_result(
      "<DeleteResult><Error><Key>a&amp;b</Key><Code>InternalError</Code><Message>m</Message></Error></"
      "DeleteResult>");
  ASSERT_TRUE(errors);
  ASSERT_EQ(errors->size(), 1U);
  EXPECT_EQ((*errors)[0].key, "a&b");
  EXPECT_EQ((*errors)[0].code, "InternalError");
  EXPECT_TRUE(parse_delete_result("<DeleteResult/>")->empty());
  EXPECT_FALSE(parse_delete_result("garbage"));
}

Settings settings() { return {.bucket = "b", .endpoint = "http://h:1", .region = "r", .path_style = true}; }

std::string value(const HttpRequest& request, std::string_view name) {
  for (const Header& header : request.headers) {
    if (header.name == name) return header.value;
  }
  return "(none)";
}

TEST(Dates, AreReadAsServersMayWriteThem) {
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), 784'111'777);
  EXPECT_EQ(parse_http_date("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
  EXPECT_EQ(parse_http_date("Tue, 29 Feb 2028 23:59:60 GMT"), 1'835'481'600);
  for (const char* wrong :
       {"", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 31 Nov 1994 08:49:37 GMT", "Sun, 06 anF 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08-49-37 GMT", "Sun, -6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov  994 08:49:37 GMT"}) {
    EXPECT_EQ(parse_http_date(wrong), std::nullopt) << wrong;
  }
}

TEST(Dates, OfListingsAreReadAsServersMayWriteThem) {
  EXPECT_EQ(parse_iso_date("2009-10-12T17:50:30.000Z"), 1'255'369'830);
  EXPECT_EQ(parse_iso_date("2009-10-12T17:50:30Z"), 1'255'369'830);
  EXPECT_EQ(parse_iso_date("1970-01-01T00:00:00.123456789Z"), 0);
  for (const char* wrong : {"", "Z", "2009-10-12", "2009-10-12T17:50:30", "2009-10-12T17:50:30+01:00",
                            "2009-13-12T17:50:30Z", "2009-02-30T17:50:30Z", "2009-10-12 17:50:30Z",
                            "2009-10-12T25:50:30Z", "2009-10-12T17:50:30.0x0Z", "2009-10--2T17:50:30Z"}) {
    EXPECT_EQ(parse_iso_date(wrong), std::nullopt) << wrong;
  }
}

TEST(Listings, TellWhenTheStoreStoredWhatTheyList) {
  const auto page = parse_listing(
      "<ListBucketResult><IsTruncated>false</IsTruncated>"
      "<Contents><Key>l/1</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified><Size>5</Size></Contents>"
      "<Contents><Key>l/2</Key><Size>5</Size></Contents>"
      "<Contents><Key>l/3</Key><LastModified>yesterday</LastModified><Size>5</Size></Contents>"
      "</ListBucketResult>",
      "l/", "");
  ASSERT_TRUE(page);
  ASSERT_EQ(page->listing.objects.size(), 3U);
  EXPECT_EQ(page->listing.objects[0].stored_unix_ms, 1'255'369'830'000);
  EXPECT_FALSE(page->listing.objects[1].stored_unix_ms);
  EXPECT_FALSE(page->listing.objects[2].stored_unix_ms);
}

TEST(RequestsOf, Puts) {
  const Requests requests(settings());
  const HttpRequest created = requests.put("a b/ä", copy_bytes("x"), true);
  EXPECT_EQ(created.path, "/b/a%20b/%C3%A4");
  EXPECT_EQ(value(created, "if-none-match"), "*");
  EXPECT_EQ(value(requests.put("a", copy_bytes("x"), false), "if-none-match"), "(none)");
}

TEST(RequestsOf, ChecksumsAndEncryption) {
  Settings all = settings();
  all.checksum = Checksum::crc32c;
  all.encryption = Encryption::kms;
  all.kms_key = "k";
  const HttpRequest put = Requests(all).put("a", copy_bytes("123456789"), true);
  EXPECT_EQ(value(put, "x-amz-checksum-crc32c"), "4waSgw==");  // the check value of CRC-32C, e3069283
  EXPECT_EQ(value(put, "x-amz-server-side-encryption"), "aws:kms");
  EXPECT_EQ(value(put, "x-amz-server-side-encryption-aws-kms-key-id"), "k");
  all.checksum = Checksum::md5;
  EXPECT_EQ(value(Requests(all).put("a", copy_bytes(""), true), "content-md5"),
            "1B2M2Y8AsgTpgAmY7PhCfg==");  // RFC 1321's d41d8cd9...
}

TEST(RequestsOf, Ranges) {
  const Requests requests(settings());
  EXPECT_EQ(value(requests.get("a", {}), "range"), "bytes=0-");
  EXPECT_EQ(value(requests.get("a", {.offset = 5, .length = 10}), "range"), "bytes=5-14");
  EXPECT_EQ(value(requests.get("a", {.offset = 5}), "range"), "bytes=5-");
  EXPECT_EQ(value(requests.get("a", {.offset = 5, .length = 0}), "range"), "bytes=5-5");
}

TEST(RequestsOf, ListsAndDeletes) {
  const Requests requests(settings());
  const HttpRequest list = requests.list("a/", "a/1", 7, "");
  EXPECT_EQ(list.path, "/b");
  EXPECT_EQ(list.query, "encoding-type=url&list-type=2&max-keys=7&prefix=a%2F&start-after=a%2F1");
  EXPECT_EQ(requests.list("", "", 1000, "t=").query,
            "continuation-token=t%3D&encoding-type=url&list-type=2&max-keys=1000");
  const std::vector<std::string> keys = {"a&b", "<c>"};
  const HttpRequest remove = requests.remove_many(keys);
  EXPECT_EQ(remove.query, "delete=");
  const std::string body(reinterpret_cast<const char*>(remove.body.data.data()), remove.body.data.size());
  EXPECT_NE(body.find("<Delete><Quiet>true</Quiet><Object><Key>a&amp;b</Key></Object><Object><Key>&lt;c&gt;</"
                      "Key></Object></Delete>"),
            std::string::npos)
      << body;
  EXPECT_NE(value(remove, "content-md5"), "(none)");
  EXPECT_TRUE(fits_xml("a\xc3\xa4 b"));
  EXPECT_FALSE(fits_xml("a\x01"));
  EXPECT_FALSE(fits_xml("a\xEF\xBF\xBF"));
}

Result<Settings> settings_of(std::string_view uri, std::map<std::string, std::string> variables = {}) {
  return settings_from(*parse_uri(uri), [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
}

TEST(SettingsOf, AmazonsOwn) {
  const auto s = settings_of("s3://bucket?region=eu-west-1");
  ASSERT_TRUE(s);
  EXPECT_EQ(s->base_url(), "https://bucket.s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(s->host(), "bucket.s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(s->checksum, Checksum::crc32c);
  EXPECT_EQ(settings_of("s3://bucket?region=cn-north-1")->endpoint, "https://s3.cn-north-1.amazonaws.com.cn");
  EXPECT_TRUE(settings_of("s3://my.bucket?region=r")->path_style);
  EXPECT_EQ(settings_of("s3://bucket", {{"AWS_DEFAULT_REGION", "r"}})->region, "r");
  EXPECT_EQ(settings_of("s3://bucket").error().code(), Code::invalid_argument) << "no region";
}

TEST(SettingsOf, OtherServers) {
  const auto s = settings_of("s3://bucket?endpoint=http://127.0.0.1:8100/");
  ASSERT_TRUE(s);
  EXPECT_EQ(s->base_url(), "http://127.0.0.1:8100");
  EXPECT_EQ(s->host(), "127.0.0.1:8100");
  EXPECT_EQ(s->region, "us-east-1");
  EXPECT_EQ(s->checksum, Checksum::none);
  EXPECT_EQ(settings_of("s3://bucket?endpoint=https://h:443")->host(), "h");
  EXPECT_EQ(settings_of("s3://bucket?endpoint=https://h&path_style=false")->base_url(), "https://bucket.h");
  EXPECT_EQ(settings_of("s3://bucket", {{"AWS_ENDPOINT_URL_S3", "http://h:9"}})->endpoint, "http://h:9");
}

TEST(SettingsOf, Everything) {
  const auto s = settings_of(
      "s3://bucket?region=r&anonymous=true&profile=p&checksum=md5&sse=aws:kms&sse_kms_key=k&ca_file=/c&"
      "proxy=http://"
      "p:1&connect_timeout=1s&stall_timeout=2s&attempt_timeout=3s&deadline=4s&max_in_flight=9&hedge=false");
  ASSERT_TRUE(s) << s.error().message();
  EXPECT_TRUE(s->anonymous);
  EXPECT_EQ(s->profile, "p");
  EXPECT_EQ(s->checksum, Checksum::md5);
  EXPECT_EQ(s->encryption, Encryption::kms);
  EXPECT_EQ(s->kms_key, "k");
  EXPECT_EQ(s->ca_file, "/c");
  EXPECT_EQ(s->proxy, "http://p:1");
  EXPECT_EQ(s->connect_timeout.count(), 1000);
  EXPECT_EQ(s->stall_timeout.count(), 2000);
  EXPECT_EQ(s->attempt_timeout.count(), 3000);
  EXPECT_EQ(s->deadline.count(), 4000);
  EXPECT_EQ(s->max_in_flight, 9U);
  EXPECT_FALSE(s->hedge);
}

TEST(SettingsOf, MistakesAreNamed) {
  for (const char* wrong :
       {"s3://?region=r", "s3://b_?region=r", "s3://bu%2Fcket?region=r", "s3://bucket/path?region=r",
        "s3://bucket?endpoint=host", "s3://bucket?endpoint=ftp://host", "s3://bucket?endpoint=http://",
        "s3://bucket?endpoint=http://h/path", "s3://bucket?endpoint=http://user:secret@h",
        "s3://bucket?region=r&proxy=http://user:secret@h", "s3://bucket?region=r&checksum=sha",
        "s3://bucket?region=r&sse=x", "s3://bucket?region=r&sse_kms_key=k",
        "s3://bucket?region=r&hedge=maybe", "s3://bucket?region=r&deadline=soon",
        "s3://bucket?region=r&deadline=0s", "s3://bucket?region=r&max_in_flight=0",
        "s3://bucket?region=r&misspelt=1"}) {
    const auto s = settings_of(wrong);
    ASSERT_FALSE(s) << wrong;
    EXPECT_EQ(s.error().code(), Code::invalid_argument) << wrong;
    EXPECT_EQ(s.error().message().find("secret"), std::string::npos) << s.error().message();
  }
}

}  // namespace
}  // namespace varve::object_store::s3
