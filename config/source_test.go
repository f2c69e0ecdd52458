package config_test

import (
	"strings"
	"testing"
	"time"
)

func TestFaultsOfSources(t *testing.T) {
	t.Parallel()
	check(t, source("base_url: https://x.example"),
		"8:tenants[0].source.fhir.base_url: is given twice, first on line 7; keep one of the two")
	check(t, strings.Replace(minimal, "ecd.example/fhir", "u:hunter2@ecd.example/fhir", 1),
		"2:tenants[0].source.fhir.base_url: has a user name or password in the address; remove it and write it under auth")
	check(t, strings.Replace(minimal, "ecd.example/fhir", "ecd.example/fhir?a=b", 1),
		"2:tenants[0].source.fhir.base_url: has a ? part; remove it, and write searches under search")
	check(t, strings.Replace(minimal, "ecd.example/fhir", "ecd.example/fhir#x", 1),
		"2:tenants[0].source.fhir.base_url: has a # part; remove it and all that follows")
	check(t, strings.Replace(minimal, "https://ecd.example/fhir", "/fhir", 1),
		"2:tenants[0].source.fhir.base_url: must be a whole http or https address, such as https://ecd.example/fhir")
	check(t, source("page_size: 0"),
		`8:tenants[0].source.fhir.page_size: must be a whole number from 1 to 10000, without quotes, not "0"`)
	check(t, source("page_size: many"),
		`8:tenants[0].source.fhir.page_size: must be a whole number from 1 to 10000, without quotes, not "many"`)
	check(t, source(`page_size: "5"`),
		`8:tenants[0].source.fhir.page_size: must be a whole number from 1 to 10000, without quotes, not "5"`)
	check(t, source("concurrency: 65"),
		`8:tenants[0].source.fhir.concurrency: must be a whole number from 1 to 64, without quotes, not "65"`)
	check(t, source("requests_per_second: 0"),
		`8:tenants[0].source.fhir.requests_per_second: must be a number above 0 and at most 10000, without quotes, not "0"`)
	check(t, source("requests_per_second: .inf"),
		`8:tenants[0].source.fhir.requests_per_second: must be a number above 0 and at most 10000, without quotes, not ".inf"`)
	check(t, source("lag: 150"),
		`8:tenants[0].source.fhir.lag: must be a time with its unit, such as 150s or 15m, from 0s to 24h, not "150"`)
	check(t, source("overlap: 25h"),
		`8:tenants[0].source.fhir.overlap: must be a time with its unit, such as 150s or 15m, from 0s to 24h, not "25h"`)
	check(t, source("attachment_prefixes: [https://files.example/]"),
		"8:tenants[0].source.fhir.attachment_prefixes[0]: is on another server than base_url; requests carry the credentials of that one")
	check(t, source("attachment_prefixes: [\"https://ecd.example/files?id=\"]"),
		"8:tenants[0].source.fhir.attachment_prefixes[0]: has a ? part; give the beginning of addresses, without what differs")
	check(t, source("attachment_prefixes: [/files]"),
		"8:tenants[0].source.fhir.attachment_prefixes[0]: must be a whole http or https address, such as https://ecd.example/files/")
	check(t, source("lag: -1s"),
		`8:tenants[0].source.fhir.lag: must be a time with its unit, such as 150s or 15m, from 0s to 24h, not "-1s"`)
}

func TestAttachmentPrefixes(t *testing.T) {
	t.Parallel()
	c := mustParse(t, source("attachment_prefixes: [https://ecd.example/files/, https://ecd.example/x]"))
	if got := strings.Join(c.Tenants[0].Source.FHIR.AttachmentPrefixes, " "); got != "https://ecd.example/files/ https://ecd.example/x" {
		t.Errorf("got %q", got)
	}
}

func TestAliases(t *testing.T) {
	t.Parallel()
	c := mustParse(t, source("aliases: [http://ecd.internal:8080/fhir/]"))
	if got := c.Tenants[0].Source.FHIR.Aliases; len(got) != 1 || got[0].String() != "http://ecd.internal:8080/fhir" {
		t.Errorf("got %v", got)
	}
	check(t, source(`aliases: ["/fhir"]`),
		"8:tenants[0].source.fhir.aliases[0]: must be a whole http or https address, such as https://ecd.example/fhir")
}

func TestShortLagAndOverlapAreWarnedOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"lag: 5s": 0, "lag: 2s\noverlap: 20s": 1, "overlap: 0s": 0, "lag: 30s\noverlap: 30s": 0,
	} {
		c := mustParse(t, source(text))
		got := 0
		for _, w := range c.Warnings {
			if strings.Contains(w.Message, "lag and overlap are") {
				got++
			}
		}
		if got != want {
			t.Errorf("%q: %d warnings, want %d", text, got, want)
		}
	}
}

func TestDormantGrantsAndRequestsHaveDefaults(t *testing.T) {
	t.Parallel()
	c := mustParse(t, minimal)
	if got := c.Tenants[0].GrantsDormantAfter; got != 90*24*time.Hour {
		t.Errorf("grants are dormant after %v", got)
	}
	if got := c.Tenants[0].Source.FHIR.RequestsPerRun; got != 100_000 {
		t.Errorf("a run may make %d requests", got)
	}
}
