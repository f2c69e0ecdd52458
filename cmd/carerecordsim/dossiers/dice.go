package dossiers

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// random returns a source for each name and number, so that one part of the history does not
// depend on another.
func random(seed uint64, name string, n int) *rand.Rand {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%s/%d", name, n)       // a hash never fails
	return rand.New(rand.NewPCG(seed, h.Sum64())) //nolint:gosec // a story, and no secret
}

func chance(r *rand.Rand, p float64) bool { return r.Float64() < p }

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// within returns a duration of whole milliseconds, from low, included, to high.
func within(r *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(r.Int64N(int64(high-low))).Truncate(time.Millisecond)
}

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

// newID returns an id in the form of a UUID.
func newID(r *rand.Rand) string {
	a, b := r.Uint64(), r.Uint64()
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&0xffffffffffff)
}

// weighted is a value with the weight by which draw chooses.
type weighted[T any] struct {
	weight int
	thing  T
}

func draw[T any](r *rand.Rand, list []weighted[T]) T {
	total := 0
	for _, e := range list {
		total += e.weight
	}
	n := r.IntN(total)
	for _, e := range list {
		if n -= e.weight; n < 0 {
			return e.thing
		}
	}
	panic("unreachable: n is below the sum of the weights")
}
