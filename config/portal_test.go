package config_test

import "testing"

func TestFaultsOfPortalAPI(t *testing.T) {
	t.Parallel()
	check(t, tenantLine,
		"1:portal_api.auth: is missing; give issuer, audience, and jwks_url or jwks_file of the tokens that the portal sends. To try things out, make a key for such tokens: dossiersync token key")
	check(t, tenantLine+"portal_api:\n",
		"2:portal_api.auth: is missing; give issuer, audience, and jwks_url or jwks_file of the tokens that the portal sends. To try things out, make a key for such tokens: dossiersync token key")
	check(t, tenantLine+"portal_api: {auth: {}}\n",
		"2:portal_api.auth: needs jwks_url or jwks_file. To try things out, make a key with dossiersync token key, and the file with dossiersync token jwks",
		"2:portal_api.auth.audience: is missing; give the `aud` of the portal's tokens",
		"2:portal_api.auth.issuer: is missing; give the `iss` of the portal's tokens")
	check(t, tenantLine+"portal_api: {auth: {issuer: i, audience: a, jwks_file: jwks.json, jwks_url: https://x/y}}\n",
		"2:portal_api.auth.jwks_file: is given as well as jwks_url; keep one of the two")
	check(t, tenantLine+"portal_api: {auth: {issuer: i, audience: a, jwks_url: x/y}}\n",
		"2:portal_api.auth.jwks_url: must be a whole http or https address, such as https://login.example/jwks")
	check(t, portal("tls: {cert_file: a}"),
		"4:portal_api.tls.cert_file: needs key_file beside it")
	check(t, portal("tls: {key_file: a}"),
		"4:portal_api.tls.key_file: needs cert_file beside it")
	check(t, portal("tls: {client_ca_file: a}"),
		"4:portal_api.tls.client_ca_file: needs cert_file and key_file: client certificates are only asked for over TLS")
	check(t, portal("database: a=b"),
		"3:portal_api: has a database for readers, while the replica itself has none; give `database` too, or remove both")
	check(t, portal("replicas: [{database: a=b}]"),
		"4:portal_api.replicas: are standbys of the replica's database, which is left out; give `database` too, or remove them")
	database := "database: a=b\n"
	check(t, database+portal("replicas: [{}, {database: x}]"),
		"5:portal_api.replicas[0]: needs database or database_file",
		"5:portal_api.replicas[1].database: must be a PostgreSQL address, such as postgres://dossiersync@db.example:5432/dossiersync")
	check(t, database+portal("replicas: [{database: a=b}, {database: a=b}, {database: c=d, database_file: e}]"),
		"5:portal_api.replicas[1]: is the same standby as portal_api.replicas[0]; remove one",
		"5:portal_api.replicas[2].database: is given as well as database_file; keep one of the two")
}
