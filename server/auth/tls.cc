#include "server/auth/tls.h"

#include <fstream>
#include <iterator>
#include <string>

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "engine/base/error.h"
#include "server/base/log.h"

namespace sobolev::server {
namespace {

template <auto kFree>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Bio = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;

Error BadFile(const std::string& setting, const std::string& path, const std::string& what) {
  return FailedPrecondition("BAD_TLS_FILE", setting, what + " '" + path + "'");
}

std::string ReadFile(const std::string& setting, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file || text.empty()) throw BadFile(setting, path, "cannot read");
  return text;
}

Bio Open(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Certificate ReadCertificate(const std::string& setting, const std::string& path) {
  const std::string text = ReadFile(setting, path);
  Certificate certificate(PEM_read_bio_X509(Open(text).get(), nullptr, nullptr, nullptr));
  if (!certificate) throw BadFile(setting, path, "no PEM certificate in");
  if (X509_cmp_current_time(X509_get0_notAfter(certificate.get())) < 0) {
    LogWarning("certificate has expired", {{"setting", setting}, {"file", path}});
  }
  return certificate;
}

// gRPC finds out about bad files only when the first caller comes.
void RequireGoodFiles(const ServerConfig& config) {
  const Certificate certificate = ReadCertificate("tls-cert", config.tls_cert);
  const std::string key_text = ReadFile("tls-key", config.tls_key);
  // A key under a passphrase cannot be used, and must not make OpenSSL ask the terminal for it.
  const auto no_passphrase = [](char*, int, int, void*) { return 0; };
  const PrivateKey key(
      PEM_read_bio_PrivateKey(Open(key_text).get(), nullptr, no_passphrase, nullptr));
  if (!key) throw BadFile("tls-key", config.tls_key, "no PEM private key without passphrase in");
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    throw BadFile("tls-key", config.tls_key,
                  "the certificate '" + config.tls_cert + "' belongs to another key than");
  }
  if (!config.tls_client_ca.empty()) ReadCertificate("tls-client-ca", config.tls_client_ca);
}

}  // namespace

std::shared_ptr<grpc::ServerCredentials> ListenerCredentials(const ServerConfig& config) {
  if (config.tls_cert.empty()) return grpc::InsecureServerCredentials();
  RequireGoodFiles(config);
  const auto reload_seconds = static_cast<unsigned int>(config.reload_seconds);
  using grpc::experimental::FileWatcherCertificateProvider;
  grpc::experimental::TlsServerCredentialsOptions options(
      std::make_shared<FileWatcherCertificateProvider>(config.tls_key, config.tls_cert,
                                                       config.tls_client_ca, reload_seconds));
  options.watch_identity_key_cert_pairs();
  if (config.tls_client_ca.empty()) {
    options.set_cert_request_type(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  } else {
    options.watch_root_certs();
    options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(options);
}

}  // namespace sobolev::server
