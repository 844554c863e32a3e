//! How the peers are told to do the duties that they have: mutual TLS, which each demands; where it can,
//! the signature, issuer and life of the token, and a rate for each client that is never reached. One worker
//! each, connections to the core kept alive, nothing logged.

use std::net::SocketAddr;
use std::path::Path;

use super::credentials::Credentials;

/// Where a peer listens, what it stands before, and where it may write.
pub(crate) struct Setting<'a> {
    pub(crate) port: u16,
    pub(crate) core: SocketAddr,
    pub(crate) directory: &'a Path,
    pub(crate) credentials: &'a Credentials,
}

/// nginx: mutual TLS and forwarding. The free edition knows no tokens.
pub(crate) fn nginx(setting: &Setting<'_>) -> String {
    let Setting { port, core, .. } = setting;
    let directory = setting.directory.display();
    let certificate = setting.credentials.certificate.display();
    let key = setting.credentials.key.display();
    let authority = setting.credentials.authority.display();
    format!(
        r#"daemon off; master_process off; pid {directory}/nginx.pid;
error_log {directory}/nginx.log crit;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 600s;
  client_body_temp_path {directory}/1; proxy_temp_path {directory}/2; fastcgi_temp_path {directory}/3;
  uwsgi_temp_path {directory}/4; scgi_temp_path {directory}/5;
  upstream core {{ server {core}; keepalive 128; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port} ssl http2 backlog=4096;
    ssl_certificate {certificate}; ssl_certificate_key {key};
    ssl_client_certificate {authority}; ssl_verify_client on; ssl_session_cache shared:sessions:4m;
    proxy_http_version 1.1; proxy_set_header Connection "";
    location / {{ proxy_pass http://core; }}
  }}
}}
"#
    )
}

/// HAProxy: `jwt_verify`, and a stick table by subject.
pub(crate) fn haproxy(setting: &Setting<'_>) -> String {
    let Setting { port, core, .. } = setting;
    let credentials = setting.credentials;
    let issuer = credentials.issuer;
    let (both, authority) = (credentials.both.display(), credentials.authority.display());
    let key = credentials.token_key.display();
    format!(
        r#"global
  maxconn 8192
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
  http-reuse always
frontend partners
  bind 127.0.0.1:{port} ssl crt {both} ca-file {authority} verify required alpn h2,http/1.1 backlog 4096
  http-request set-var(txn.token) http_auth_bearer
  http-request set-var(txn.expires) var(txn.token),jwt_payload_query('$.exp','int')
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 unless {{ var(txn.token),jwt_header_query('$.alg') -m str RS256 }}
  http-request deny deny_status 401 unless {{ var(txn.token),jwt_payload_query('$.iss') -m str {issuer} }}
  http-request deny deny_status 401 if {{ var(txn.expires),sub(txn.now) -m int lt 0 }}
  http-request deny deny_status 401 unless {{ var(txn.token),jwt_verify("RS256","{key}") -m int 1 }}
  http-request set-var(txn.subject) var(txn.token),jwt_payload_query('$.sub')
  http-request track-sc0 var(txn.subject) table rates
  http-request deny deny_status 429 if {{ sc0_http_req_rate(rates) gt 100000000 }}
  default_backend core
backend rates
  stick-table type string len 64 size 100k expire 60s store http_req_rate(10s)
backend core
  server core {core} pool-max-conn 128
"#
    )
}

/// Envoy: `jwt_authn`, with or without its cache of tokens, and `local_ratelimit`.
pub(crate) fn envoy(setting: &Setting<'_>, caches_tokens: bool) -> String {
    let Setting { port, core, .. } = setting;
    let credentials = setting.credentials;
    let (issuer, core_port) = (credentials.issuer, core.port());
    let (certificate, key) = (credentials.certificate.display(), credentials.key.display());
    let authority = credentials.authority.display();
    let key_set = credentials.key_set.display();
    let audience = &credentials.audience;
    let cache = if caches_tokens {
        ", jwt_cache_config: {jwt_cache_size: 1000}"
    } else {
        ""
    };
    format!(
        r#"static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    enable_reuse_port: false
    filter_chains:
    - transport_socket:
        name: tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          require_client_certificate: true
          common_tls_context:
            alpn_protocols: [h2, http/1.1]
            tls_certificates: [{{certificate_chain: {{filename: "{certificate}"}}, private_key: {{filename: "{key}"}}}}]
            validation_context: {{trusted_ca: {{filename: "{authority}"}}}}
      filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: http
          generate_request_id: false
          route_config:
            virtual_hosts:
            - {{name: all, domains: ["*"], routes: [{{match: {{prefix: "/"}}, route: {{cluster: core}}}}]}}
          http_filters:
          - name: token
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
              providers:
                issuer: {{issuer: "{issuer}", audiences: ["{audience}"], local_jwks: {{filename: "{key_set}"}}{cache}}}
              rules: [{{match: {{prefix: "/"}}, requires: {{provider_name: issuer}}}}]
          - name: rate
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
              stat_prefix: rate
              token_bucket: {{max_tokens: 4000000000, tokens_per_fill: 4000000000, fill_interval: 1s}}
              filter_enabled: {{default_value: {{numerator: 100, denominator: HUNDRED}}}}
              filter_enforced: {{default_value: {{numerator: 100, denominator: HUNDRED}}}}
          - name: router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
  clusters:
  - name: core
    connect_timeout: 1s
    load_assignment: {{cluster_name: core, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {core_port}}}}}}}}}]}}]}}
    circuit_breakers: {{thresholds: [{{max_connections: 4096, max_pending_requests: 65536, max_requests: 65536}}]}}
"#
    )
}
