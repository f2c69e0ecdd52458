package config_test

import "testing"

func TestFaultsOfAuth(t *testing.T) {
	t.Parallel()
	check(t, source("auth: basic"),
		`8:tenants[0].source.fhir.auth: must be none, or a section such as {bearer: {token_file: …}}, not "basic"`)
	check(t, source("auth: [basic]"),
		"8:tenants[0].source.fhir.auth: must be a section of keys with values, not a list")
	check(t, source("auth: {digest: {}}"),
		"8:tenants[0].source.fhir.auth.digest: is not a key here; the keys here are none, basic, bearer, client_credentials, private_key_jwt, mtls")
	check(t, source("auth: {bearer: }"),
		"8:tenants[0].source.fhir.auth.bearer: needs token or token_file")
	check(t, source("auth: {none: {x: 1}}"),
		"8:tenants[0].source.fhir.auth.none.x: is not a key here; this section is always empty")
	check(t, source("auth: {basic: {}, bearer: {token: a, token_file: b}, none: {}}"),
		"8:tenants[0].source.fhir.auth.basic: needs password or password_file",
		"8:tenants[0].source.fhir.auth.basic: is given as well as none; keep one of the two (only mtls can be combined with another)",
		"8:tenants[0].source.fhir.auth.basic.username: is missing; give the user name for the source",
		"8:tenants[0].source.fhir.auth.bearer: is given as well as none; keep one of the two (only mtls can be combined with another)",
		"8:tenants[0].source.fhir.auth.bearer.token: is given as well as token_file; keep one of the two")
	check(t, source("auth: {mtls: {}}"),
		"8:tenants[0].source.fhir.auth.mtls: needs cert_file and key_file, or ca_file, or all three")
	check(t, source("auth: {mtls: {cert_file: x}}"),
		"8:tenants[0].source.fhir.auth.mtls.cert_file: needs key_file beside it")
	check(t, source("auth: {client_credentials: {}}"),
		"8:tenants[0].source.fhir.auth.client_credentials: needs client_secret or client_secret_file",
		"8:tenants[0].source.fhir.auth.client_credentials.client_id: is missing; give the id under which the source knows dossiersync",
		"8:tenants[0].source.fhir.auth.client_credentials.token_url: is missing; give the address that hands out tokens, such as https://login.ecd.example/token")
	check(t, source("auth: {private_key_jwt: {algorithm: RS256, token_url: ftp://x}}"),
		"8:tenants[0].source.fhir.auth.private_key_jwt: needs key or key_file",
		"8:tenants[0].source.fhir.auth.private_key_jwt.client_id: is missing; give the id under which the source knows dossiersync",
		"8:tenants[0].source.fhir.auth.private_key_jwt.kid: is missing; give the id under which the source knows the public key",
		`8:tenants[0].source.fhir.auth.private_key_jwt.algorithm: must be RS384 or ES384, not "RS256"`,
		"8:tenants[0].source.fhir.auth.private_key_jwt.token_url: must be a whole http or https address, such as https://login.ecd.example/token")
}
