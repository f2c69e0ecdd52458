package config_test

import "testing"

func TestFaultsOfTenants(t *testing.T) {
	t.Parallel()
	check(t, portalLine,
		"1:tenants: is missing; give at least one tenant: a care organisation whose dossiers are to be synchronised")
	check(t, portalLine+"tenants:\n",
		"2:tenants: is empty; give at least one tenant: a care organisation whose dossiers are to be synchronised")
	check(t, portalLine+"tenants: []\n",
		"2:tenants: is empty; give at least one tenant: a care organisation whose dossiers are to be synchronised")
	check(t, portalLine+"tenants: {}\n",
		"2:tenants: must be a list, written [a, b] or with a line `- …` for each item, not keys with values")
	check(t, portalLine+"tenants: [amaris]\n",
		"2:tenants[0]: must be a section of keys with values, not a single value")
	check(t, portalLine+"tenants: [{}]\n",
		"2:tenants[0].id: is missing; give lower-case letters, digits and hyphens, such as amaris; it cannot be changed later",
		"2:tenants[0].name: is missing; give the name of the organisation as people know it",
		"2:tenants[0].source: is missing; give the care record system, under source.fhir")
	check(t, portalLine+"tenants: [{id: Amaris, name: a, source: {}}]\n",
		`2:tenants[0].id: must be lower-case letters, digits and hyphens, beginning with a letter or digit, at most 63, not "Amaris"`,
		"2:tenants[0].source.fhir: is missing; give it with at least its base_url: FHIR is the only kind of source")
	check(t, portalLine+"tenants: [{id: a, name: a, source: {fhir: {}}}]\n",
		"2:tenants[0].source.fhir.base_url: is missing; give the address of the FHIR server, such as https://ecd.example/fhir")
	check(t, portalLine+"tenants:\n  - &t {id: a, name: a, source: {fhir: {base_url: https://x.example}}}\n  - *t\n",
		"3:tenants[1].id: is the same as tenants[0].id; give each its own")
	check(t, tenant("timezone: Europe/Amsterdm"),
		`6:tenants[0].timezone: "Europe/Amsterdm" is not a time zone that this machine knows; write a name such as Europe/Amsterdam`)
	check(t, tenant("timezone: Local"),
		`6:tenants[0].timezone: "Local" is not a time zone that this machine knows; write a name such as Europe/Amsterdam`)
	check(t, tenant("max_removed: 5"),
		`6:tenants[0].max_removed: must be a percentage from 0% to 100%, such as 5% or 0.5%, not "5"`)
	check(t, tenant("max_removed: 101%"),
		`6:tenants[0].max_removed: must be a percentage from 0% to 100%, such as 5% or 0.5%, not "101%"`)
	check(t, tenant("max_removed: -1%"),
		`6:tenants[0].max_removed: must be a percentage from 0% to 100%, such as 5% or 0.5%, not "-1%"`)
	check(t, tenant("max_removed: 0,5%"),
		`6:tenants[0].max_removed: must be a percentage from 0% to 100%, such as 5% or 0.5%, not "0,5%"`)
}
