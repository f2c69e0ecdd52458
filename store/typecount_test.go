package store_test

import (
	"testing"

	"dossiersync/store"
)

func TestCountSaysHowMuchItDiffers(t *testing.T) {
	t.Parallel()
	number := func(n int64) *int64 { return &n }
	for _, test := range []struct {
		count *store.RunCount
		want  string
	}{
		{nil, ""},
		{&store.RunCount{Source: 7, Believed: true}, ""},
		{&store.RunCount{Source: 7, Replica: number(7), Difference: number(0), Believed: true}, ""},
		{&store.RunCount{Source: 93, Replica: number(100), Difference: number(-7), Believed: true},
			"the source counts 93, 7 fewer than it should have according to the replica"},
		{&store.RunCount{Source: 110, Replica: number(100), Difference: number(10)},
			"the source counts 110, 10 more than it should have according to the replica; " +
				"the count is not believed, because a comparison did not bear it out"},
	} {
		if got := test.count.Meaning(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
