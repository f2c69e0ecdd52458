package config_test

import "testing"

func TestFaultsOfListeners(t *testing.T) {
	t.Parallel()
	check(t, portal("listen: 8080"),
		`4:portal_api.listen: must be host:port, such as 127.0.0.1:8080, or :8080 for every network, not "8080"`)
	check(t, portal("listen: localhost:http"),
		`4:portal_api.listen: must be host:port, such as 127.0.0.1:8080, or :8080 for every network, not "localhost:http"`)
	check(t, portal("listen: 127.0.0.1:99999"),
		`4:portal_api.listen: must be host:port, such as 127.0.0.1:8080, or :8080 for every network, not "127.0.0.1:99999"`)
	check(t, portal("listen: :8080"),
		"4:portal_api.listen: must be on loopback, such as 127.0.0.1:8080, because `database` is left out: the private PostgreSQL is for trying things out on one machine. Give `database` to serve other machines")
	check(t, portal("listen: 127.0.0.1:8081"),
		"4:portal_api.listen: is the address of ops.listen too, unless you set that; choose another port")
	check(t, portal(`listen: "[::]:8081"`)+"database: a=b\n",
		"4:portal_api.listen: is the address of ops.listen too, unless you set that; choose another port")
	check(t, ops("listen: 127.0.0.1:8080"),
		"5:ops.listen: is the address of portal_api.listen too; choose another port")
	check(t, ops("listen: :9000"),
		"5:ops.users: must name at least one user, because ops.listen is open to other machines; or set ops.listen to 127.0.0.1:8081")
	check(t, ops("listen: ecd.example:9000\nusers: []"),
		"6:ops.users: must name at least one user, because ops.listen is open to other machines; or set ops.listen to 127.0.0.1:8081")
}
