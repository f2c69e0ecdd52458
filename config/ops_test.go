package config_test

import (
	"strings"
	"testing"
)

func TestFaultsOfUsers(t *testing.T) {
	t.Parallel()
	check(t, ops("users:"),
		"5:ops.users: has no value; write [] for an empty list, or remove the key")
	check(t, ops("users: {}"),
		"5:ops.users: must be a list, written [a, b] or with a line `- …` for each item, not keys with values")
	check(t, ops("users: [{}]"),
		"5:ops.users[0]: needs token or token_file",
		"5:ops.users[0].may: is missing; list one or more of read, resync, approve",
		"5:ops.users[0].name: is missing; give the name under which this user's actions are recorded",
		`5:ops.users[0].tenants: is missing; list the tenants' ids, or ["*"] for all`)
	check(t, ops("users: [{name: a, token: ${TOKEN}, tenants: [other], may: [write]}]"),
		`5:ops.users[0].tenants[0]: no tenant has the id "other"; the ids are under tenants, and "*" stands for all of them`,
		`5:ops.users[0].may[0]: must be read, resync or approve, not "write"`)
	check(t, ops(`users: [{name: a, token_file: "", tenants: [], may: }]`),
		"5:ops.users[0]: needs token or token_file",
		`5:ops.users[0].tenants: is empty; list the tenants' ids, or ["*"] for all`,
		"5:ops.users[0].may: is empty; list one or more of read, resync, approve")
	check(t, ops("users:\n- {name: a, token: ${TOKEN}, tenants: [amaris], may: [read, read]}\n- {name: a, token: ${TOKEN}, tenants: [amaris], may: [read]}"),
		"6:ops.users[0].may[1]: is in the list twice; remove one",
		"7:ops.users[1]: has the same token as ops.users[0]; give each user their own, so that their actions can be told apart",
		"7:ops.users[1].name: is the same as ops.users[0].name; give each its own")
	check(t, ops("users:\n- {name: a, token_file: t, tenants: [amaris], may: [read]}\n- {name: b, token_file: ./t, tenants: [amaris], may: [read]}"),
		"7:ops.users[1]: has the same token as ops.users[0]; give each user their own, so that their actions can be told apart")
}

func TestShortTokensAreWarnedOf(t *testing.T) {
	t.Parallel()
	const user = "name: a, tenants: [amaris], may: [read]"
	for text, want := range map[string]string{
		"users: [{" + user + ", token: ${SET}}]":     "5:ops.users[0].token: holds a token of 16 characters, which can be guessed; give it 20 or more: openssl rand -hex 24",
		"users: [{" + user + ", token_file: short}]": "5:ops.users[0].token_file: holds a token of 19 characters, which can be guessed; give it 20 or more: openssl rand -hex 24",
		"metrics: {token: ${SET}}":                   "5:ops.metrics.token: holds a token of 16 characters, which can be guessed; give it 20 or more: openssl rand -hex 24",
		"metrics: {token_file: short}":               "5:ops.metrics.token_file: holds a token of 19 characters, which can be guessed; give it 20 or more: openssl rand -hex 24",
		"users: [{" + user + ", token: ${TOKEN}}]":   "",
		"metrics: {token_file: t}":                   "",
	} {
		got := strings.Join(short(mustParse(t, ops(text)).Warnings), "\n")
		if got != want {
			t.Errorf("%s is warned of with %q, want %q", text, got, want)
		}
	}
}
