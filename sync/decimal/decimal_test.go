package decimal

import (
	"math/big"
	"strings"
	"testing"
)

func TestDecimalIsWrittenOut(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ in, want string }{
		{"0", "0"}, {"7", "7"}, {"7.20", "7.20"}, {"-0.5", "-0.5"}, {"1.2E+2", "120"}, {"1.2e2", "120"},
		{"7.20e1", "72.0"}, {"5E-7", "0.0000005"}, {"5.00E-3", "0.00500"}, {"0.00", "0.00"}, {"0E+3", "0"}, {"100", "100"},
		{"1E0", "1"}, {"123456789012345678.123456789", "123456789012345678.123456789"}, {"-1.50E1", "-15.0"},
	} {
		d, err := Parse(test.in)
		if err != nil || d.String() != test.want {
			t.Errorf("%s: %s, %v, want %s", test.in, d, err, test.want)
		}
	}
	if got := mustParse(t, "7.20").Dutch(); got != "7,20" {
		t.Error(got)
	}
}

func TestDecimalBeyondItsBoundsIsRefused(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "-", ".", "1.", ".5", "+1", "1e", "1e+", "e5", "0x1", "1_000", "NaN", "Inf", "1,5", " 1", "1e1.5",
		"1e999999999", "1e-999999999", "1e99999999999999999999", "1E+61", "1E-60", strings.Repeat("9", 61), "0." + strings.Repeat("1", 60)} {
		if d, err := Parse(s); err == nil {
			t.Errorf("%q: %s", s, d)
		}
	}
}

func TestDecimalComparesAndAddsByValue(t *testing.T) {
	t.Parallel()
	if a, b := mustParse(t, "1.50"), mustParse(t, "15E-1"); a.Cmp(b) != 0 {
		t.Error("1.50 differs from 15E-1")
	}
	if mustParse(t, "9").Cmp(mustParse(t, "1E1")) >= 0 {
		t.Error("9 is not less than 10")
	}
	if got := mustParse(t, "1.50").Add(mustParse(t, "2")).String(); got != "3.50" {
		t.Error(got)
	}
	for s, want := range map[string]bool{"1.2E+2": true, "120.0": true, "1.25": false, "1E30": false} {
		if _, ok := mustParse(t, s).Int(); ok != want {
			t.Errorf("%s: whole %v", s, ok)
		}
	}
}

func mustParse(t *testing.T, s string) Decimal {
	t.Helper()
	d, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func FuzzDecimalKeepsItsValue(f *testing.F) {
	for _, s := range []string{"0", "7.20", "-1.2E+2", "5e-7", "1e999999999", "00.1", "1E-59"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := Parse(s)
		if err != nil {
			return
		}
		out := d.String()
		if strings.ContainsAny(out, "eE+") || len(out) > maxDigits+2 {
			t.Fatalf("%q is written %q", s, out)
		}
		was, ok := new(big.Rat).SetString(s)
		is, also := new(big.Rat).SetString(out)
		if !ok || !also || was.Cmp(is) != 0 {
			t.Fatalf("%q became %q", s, out)
		}
		again, err := Parse(out)
		if err != nil || again.String() != out || again.Cmp(d) != 0 {
			t.Fatalf("%q: %q is read as %s, %v", s, out, again, err)
		}
	})
}
