#include "server/http/gateway_listener.h"

#include <chrono>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "engine/base/error.h"

namespace sobolev::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::size_t kMaxBody = 1000;

int Connect(int port) {
  const int connection = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const timeval patience{.tv_sec = 20, .tv_usec = 0};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  EXPECT_EQ(connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return connection;
}

class GatewayListenerTest : public ::testing::Test {
 protected:
  GatewayListenerTest() { client_.set_keep_alive(true); }

  static HttpReply Echo(const HttpRequest& request) {
    if (request.path == "/throw") throw std::runtime_error("secret path");
    return {
        .status = 200,
        .body = request.method + " " + request.path + " " + request.accept + " " + request.body};
  }
  static HttpReply Refuse(int status, const std::string& message) {
    return {.status = status, .body = "refused: " + message};
  }

  // Sends the bytes; what comes back until the server closes the connection.
  std::string Exchange(const std::string& bytes) const {
    const int connection = Connect(listener_.port());
    EXPECT_EQ(send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
    std::string reply;
    std::vector<char> buffer(4096);
    for (;;) {
      const ssize_t size = recv(connection, buffer.data(), buffer.size(), 0);
      if (size <= 0) break;
      reply.append(buffer.data(), static_cast<std::size_t>(size));
    }
    close(connection);
    return reply;
  }

  GatewayListener listener_{"127.0.0.1", 0, kMaxBody, {.answer = Echo, .refuse = Refuse}};
  httplib::Client client_{"127.0.0.1", listener_.port()};
};

TEST(GatewayListenerPeerTest, ARequestTellsWhetherItsClientIsStillThere) {
  std::promise<bool> asked;
  std::promise<void> left;
  const auto answer = [&](const HttpRequest& request) {
    asked.set_value(request.has_left());
    while (!request.has_left()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    left.set_value();
    return HttpReply{};
  };
  const GatewayListener listener("127.0.0.1", 0, kMaxBody, {.answer = answer, .refuse = nullptr});
  const int connection = Connect(listener.port());
  const std::string request = "POST /p HTTP/1.1\r\nContent-Length: 1\r\n\r\nx";
  ASSERT_EQ(send(connection, request.data(), request.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(request.size()));
  EXPECT_FALSE(asked.get_future().get());
  close(connection);
  left.get_future().wait();
}

TEST_F(GatewayListenerTest, RequestsComeWholeAndRepliesGoBackUncompressed) {
  const httplib::Headers headers = {{"Accept", "a/b"}, {"Accept-Encoding", "gzip, deflate, br"}};
  httplib::Result result = client_.Get("/some/path:1?query=2", headers);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 200);
  EXPECT_EQ(result->body, "GET /some/path:1 a/b ");
  EXPECT_THAT(result->get_header_value("Content-Type"), StartsWith("application/json"));
  for (const char* type : {"application/json", "text/plain", "application/x-www-form-urlencoded"}) {
    result = client_.Post("/p", headers, std::string(kMaxBody, 'x'), type);
    ASSERT_TRUE(result) << type;
    EXPECT_EQ(result->body, "POST /p a/b " + std::string(kMaxBody, 'x')) << type;
    EXPECT_FALSE(result->has_header("Content-Encoding")) << type;
  }
}

TEST_F(GatewayListenerTest, BodiesMayComeInChunks) {
  EXPECT_THAT(Exchange("POST /p HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                       "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
              HasSubstr("POST /p  abcde"));
}

TEST_F(GatewayListenerTest, LongBodiesAreRefusedInWhicheverWayTheyCome) {
  const httplib::Result result = client_.Post("/p", std::string(kMaxBody + 1, 'x'), "text/plain");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 413);
  EXPECT_THAT(result->body, HasSubstr("at most 1000 bytes"));
  std::string chunks;
  for (int i = 0; i < 11; ++i) chunks += "64\r\n" + std::string(100, 'x') + "\r\n";
  EXPECT_THAT(Exchange("POST /p HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks),
              StartsWith("HTTP/1.1 413"));
}

TEST_F(GatewayListenerTest, WhatIsNoRequestForDataIsRefused) {
  struct Case {
    const char* head;
    int status;
    const char* message;
  };
  const std::string long_path = "GET /" + std::string(300, 'a') + " HTTP/1.1\r\n";
  for (const Case& c : std::vector<Case>{
           {"GET /a%0Ab HTTP/1.1\r\n", 404, "letters, digits"},
           {"GET /a%00b HTTP/1.1\r\n", 404, "letters, digits"},
           {"GET /..%5C..%5Cetc HTTP/1.1\r\n", 404, "letters, digits"},
           {"GET /%C3%A4 HTTP/1.1\r\n", 404, "letters, digits"},
           {long_path.c_str(), 404, "at most 256"},
           {"DELETE /p HTTP/1.1\r\n", 405, "GET or POST"},
           {"PUT /p HTTP/1.1\r\nContent-Length: 1\r\n", 405, "GET or POST"},
           {"OPTIONS /p HTTP/1.1\r\n", 405, "GET or POST"},
           {"POST /p HTTP/1.1\r\n", 411, "Content-Length"},
           {"POST /p HTTP/1.1\r\nContent-Length: -1\r\n", 400, "whole number"},
           {"POST /p HTTP/1.1\r\nContent-Length: 1e3\r\n", 400, "whole number"},
           {"POST /p HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n", 400, "once"},
           {"POST /p HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400, "once"},
           {"POST /p HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n", 400, "chunked or none"},
           {"POST /p HTTP/1.1\r\nContent-Length: 1\r\nContent-Encoding: gzip\r\n", 415, "as it is"},
           {"POST /p HTTP/1.1\r\nContent-Length: 1\r\nContent-Type: multipart/form-data; "
            "boundary=x\r\n",
            415, "application/json"},
           {"GET /p HTTP/1.1\r\nContent-Length: x\r\n", 400, "whole number"},
           {"GET /p HTTP/1.1\r\nRange: bytes=0-,0-,0-\r\n", 400, "Range"},
           {"hello\r\n", 400, "HTTP"},
       }) {
    const std::string reply = Exchange(std::string(c.head) + "\r\n");
    EXPECT_THAT(reply, StartsWith("HTTP/1.1 " + std::to_string(c.status))) << c.head;
    EXPECT_THAT(reply, HasSubstr(c.message)) << c.head;
  }
}

TEST_F(GatewayListenerTest, TheBodyOfARefusedRequestIsNotTakenForTheNextRequest) {
  const std::string next = "GET /next HTTP/1.1\r\n\r\n";
  const std::string length = "Content-Length: " + std::to_string(next.size()) + "\r\n";
  for (const std::string& head :
       {"PUT /p HTTP/1.1\r\n" + length, "POST /p HTTP/1.1\r\nContent-Encoding: gzip\r\n" + length,
        "POST /p HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + length}) {
    std::string request = head;
    request.append("\r\n").append(next);
    const std::string reply = Exchange(request);
    EXPECT_THAT(reply, StartsWith("HTTP/1.1 4")) << head;
    EXPECT_THAT(reply, Not(HasSubstr("/next"))) << head;
  }
}

TEST_F(GatewayListenerTest, TheBodyOfAGetIsIgnored) {
  const std::string next = "GET /next HTTP/1.1\r\n\r\n";
  const std::string reply = Exchange(
      "GET /p HTTP/1.1\r\nContent-Length: " + std::to_string(next.size()) + "\r\n\r\n" + next);
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(reply, HasSubstr("GET /p"));
  EXPECT_THAT(reply, Not(HasSubstr("/next")));
}

TEST_F(GatewayListenerTest, ABodyThatEndsEarlyDoesNotHarmOthers) {
  EXPECT_THAT(Exchange("POST /p HTTP/1.1\r\nContent-Length: 100\r\n\r\nabc"),
              Not(HasSubstr("200 OK")));
  EXPECT_EQ(client_.Get("/p")->status, 200);
}

TEST_F(GatewayListenerTest, OneConnectionServesManyRequests) {
  for (int i = 0; i < 200; ++i) {
    const httplib::Result result = client_.Get("/p");
    ASSERT_TRUE(result);
    EXPECT_NE(result->get_header_value("Connection"), "close") << "request " << i;
  }
}

TEST_F(GatewayListenerTest, AnExceptionIsAnErrorWithoutDetails) {
  const httplib::Result result = client_.Get("/throw");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 500);
  EXPECT_THAT(result->body, Not(HasSubstr("secret")));
  for (const auto& [name, value] : result->headers) {
    EXPECT_THAT(value, Not(HasSubstr("secret"))) << name;
  }
}

TEST_F(GatewayListenerTest, ATakenPortIsAnErrorThatNamesTheSetting) {
  try {
    const GatewayListener second("127.0.0.1", listener_.port(), kMaxBody, {});
    FAIL() << "two listeners share port " << listener_.port();
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), "CANNOT_LISTEN");
    EXPECT_EQ(error.field(), "gateway");
  }
}

}  // namespace
}  // namespace sobolev::server
