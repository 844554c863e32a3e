// An authorization server for tests: oidc-provider as its authors ship it, over TLS on loopback. Its major
// version is the last one that runs on the Node.js of Debian 12.
//
// node server.js SETTINGS.json, with { certificate, key, authority, audience, clients }: PEM files of the
// server, the PEM file of the authority that issues client certificates (read when one is shown), the
// resource that tokens are for, and oidc-provider's metadata of each client. Says its port, then answers
// each line of its input with one: `rotate` gives it a new signing key and takes the old one back.
import { X509Certificate, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { createInterface } from 'node:readline';

import Provider from 'oidc-provider';

// What the provider remarks must not stand between the answers.
console.info = console.error;

const settings = JSON.parse(readFileSync(process.argv[2], 'utf8'));
let keys = 0;
let issuer;

function peer(ctx) {
  return ctx.socket.getPeerX509Certificate();
}

function authorized(ctx) {
  const certificate = peer(ctx);
  const authority = new X509Certificate(readFileSync(settings.authority));
  return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
}

function provider() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  keys += 1;
  const key = { ...privateKey.export({ format: 'jwk' }), kid: `key-${keys}`, use: 'sig', alg: 'ES256' };
  return new Provider(issuer, {
    jwks: { keys: [key] },
    clients: settings.clients,
    clientDefaults: { grant_types: ['client_credentials'], response_types: [], redirect_uris: [], id_token_signed_response_alg: 'ES256' },
    scopes: ['mail'],
    responseTypes: [],
    clientAuthMethods: ['private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth'],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      dPoP: { enabled: true },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        tlsClientAuth: true,
        selfSignedTlsClientAuth: true,
        getCertificate: peer,
        certificateAuthorized: authorized,
        certificateSubjectMatches: (ctx, property, expected) =>
          property === 'tls_client_auth_san_dns' && peer(ctx).checkHost(expected) === expected,
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => settings.audience,
        getResourceServerInfo: () => ({
          scope: 'mail',
          audience: settings.audience,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 600,
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
  });
}

let handler;
const tls = {
  cert: readFileSync(settings.certificate),
  key: readFileSync(settings.key),
  requestCert: true,
  // The provider itself judges certificates, and takes requests without one.
  rejectUnauthorized: false,
};
const server = https.createServer(tls, (request, response) => handler(request, response));
server.listen(settings.port ?? 0, '127.0.0.1', () => {
  const { port } = server.address();
  issuer = `https://localhost:${port}`;
  handler = provider().callback();
  process.stdout.write(`${port}\n`);
});

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  if (line === 'rotate') handler = provider().callback();
  process.stdout.write(`${line}\n`);
});
lines.on('close', () => process.exit(0));
