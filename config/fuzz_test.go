package config_test

import (
	"errors"
	"strings"
	"testing"

	"dossiersync/config"
)

func FuzzParse(f *testing.F) {
	f.Add(config.Example())
	for _, text := range []string{
		minimal, top("<<: *x"), top("data_dir: ${A}${"), tenant("schedule: CRON_TZ="), tenant("schedule: \", * * * *\""),
		source("auth: {basic: {}, mtls: }"), source("search: {goals: [Goal?a=%zz]}"), mapping("hide: [{match: {tag: \"|\"}}]"),
		"a: &a [*a]\n", "? [a]\n: b", "\ta: b", "a: \xff", "tenants: [[[[{}]]]]", "tenants:\n- - -\n", "!!binary a", "--- a\n--- b",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parse(string(data))
		if (c == nil) == (err == nil) {
			t.Fatalf("got %v and %v", c, err)
		}
		faults, ok := errors.AsType[config.Faults](err)
		if err != nil && (!ok || len(faults) == 0) {
			t.Fatalf("got %T %v", err, err)
		}
		for _, fault := range faults {
			if s := fault.String(); fault.Line < 1 || strings.ContainsAny(s, "\r\n") {
				t.Errorf("fault %q", s)
			}
		}
	})
}
