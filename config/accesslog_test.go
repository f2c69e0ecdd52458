package config_test

import "testing"

func TestAccessLogIsKeptAtLeastFiveYears(t *testing.T) {
	t.Parallel()
	if got := mustParse(t, minimal).AccessLog.KeepYears; got != 5 {
		t.Errorf("unless set, it is kept for %d years", got)
	}
	if got := mustParse(t, top("access_log: {keep_years: 20}")).AccessLog.KeepYears; got != 20 {
		t.Errorf("kept for %d years, want 20", got)
	}
	for _, wrong := range []string{"4", "0", "-5", "101", "5.5"} {
		check(t, top("access_log: {keep_years: "+wrong+"}"),
			`3:access_log.keep_years: must be a whole number from 5 to 100, without quotes, not "`+wrong+`"`)
	}
	check(t, top("access_log: {keep: 5y}"), "3:access_log.keep: is not a key here; did you mean keep_years?")
}
