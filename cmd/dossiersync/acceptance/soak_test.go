package acceptance

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dossiersync/cmd/carerecordsim/behaviours"
	"dossiersync/cmd/carerecordsim/faults"
	"dossiersync/cmd/carerecordsim/simulator"
)

// soak is a source that behaves like one of the known servers, is written to while it
// is read, and has every kind of fault, with a worker that is killed now and then. Once
// that ends, readers must see what the source holds (I1).
//
// The seed decides what happens: DOSSIERSYNC_SEED sets it. With DOSSIERSYNC_SOAK=10m
// soaks repeat for that long, each with the next seed.
type soak struct {
	*seededHarness
	server behaviours.Preset
	faults *faults.Injector
	search string // the tenant's searches now, in YAML
}

func TestSoakEndsEqualToSource(t *testing.T) {
	t.Parallel()
	seed, duration := soakSettings(t)
	for until := time.Now().Add(duration); ; seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { soakAllServers(t, seed, duration > 0) })
		if t.Failed() || !time.Now().Before(until) {
			return
		}
	}
}

// soakAllServers runs a soak with each server, one after another if they are full.
func soakAllServers(t *testing.T, seed uint64, full bool) {
	for i, server := range behaviours.All() {
		t.Run(server.Name, func(t *testing.T) {
			if full {
				soakFully(t, seed, server)
				return
			}
			t.Parallel()
			soakBriefly(t, seed, server, i)
		})
	}
}

// soakSettings reads the environment variables.
func soakSettings(t *testing.T) (seed uint64, duration time.Duration) {
	t.Helper()
	seed = 1
	var err error
	if s := os.Getenv("DOSSIERSYNC_SEED"); s != "" {
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("DOSSIERSYNC_SEED: %v", err)
		}
	}
	if s := os.Getenv("DOSSIERSYNC_SOAK"); s != "" {
		if duration, err = time.ParseDuration(s); err != nil {
			t.Fatalf("DOSSIERSYNC_SOAK: %v", err)
		}
	}
	return seed, duration
}

// soakBriefly plays some of the cases with some of the faults; all servers together have
// all of them.
func soakBriefly(t *testing.T, seed uint64, server behaviours.Preset, i int) {
	every := len(behaviours.All())
	s := newSoak(t, seed, server, sourceSize{clients: 2, years: 0.1,
		cases: func(number int) bool { return number%every == i }})
	var kinds []string
	for j := i; j < len(faultKinds); j += every {
		kinds = append(kinds, faultKinds[j])
	}
	s.runRounds(kinds, 3)
}

// soakFully plays all cases with all faults.
func soakFully(t *testing.T, seed uint64, server behaviours.Preset) {
	s := newSoak(t, seed, server, sourceSize{clients: 2 + int(seed%9), years: float64(seed%7) / 3,
		cases: func(int) bool { return true }})
	s.runRounds(faultKinds, 5+s.rand.IntN(20))
}

func newSoak(t *testing.T, seed uint64, server behaviours.Preset, n sourceSize) *soak {
	t.Helper()
	clock := newClock(time.Now())
	s := &soak{server: server, faults: faults.New(faults.Options{Seed: seed, Clock: clock.Now})}
	o := simulator.Options{Layers: []simulator.Layer{s.faults.Layer}}
	server.Apply(&o)
	s.seededHarness = newSeededHarness(t, seed, clock, o, n)
	return s
}

// runRounds plays the rounds, and compares at the end.
func (s *soak) runRounds(kinds []string, rounds int) {
	kinds = slices.Clone(kinds)
	s.rand.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	s.forgetful = true
	s.writeRound()
	s.runKillable("sync")
	several := (len(kinds) + rounds - 1) / rounds
	for few := range slices.Chunk(kinds, several) {
		s.writeRound()
		s.setFaults(few)
		if s.rand.IntN(3) == 0 {
			s.setSearch(searchChoices[s.rand.IntN(len(searchChoices))])
		}
		s.runKillable("sync")
	}
	s.stopFaults()
	s.setSearch("")
	for !s.casesAreDone() {
		s.writeRound()
	}
	// Versions written with a fast clock must be in the past.
	s.clock.add(3 * time.Hour)
	s.mustUpdate("sync")
	s.mustUpdate("reconcile", "--approve", "--by", "anna")
	s.wantEqualToSource()
}

// searchChoices are searches of an organisation that shares less than everything.
var searchChoices = []string{"", "forms: []", "reports: [DocumentReference]", "goals: []",
	"care-plans: [], questionnaires: []", "staff: [], contacts: []"}

// setSearch changes what the organisation shares.
func (s *soak) setSearch(search string) {
	s.changeConfig(regexp.QuoteMeta("search: {"+s.search+"}"), "search: {"+search+"}")
	s.search = search
	s.record("the organisation shares {%s}", search)
}

// setFaults makes the source fail in these ways, lets people write while it is read, and
// sometimes kills the worker.
func (s *soak) setFaults(kinds []string) {
	var file strings.Builder
	fmt.Fprintf(&file, "seed: %d\nrules:\n", s.seed)
	for _, kind := range kinds {
		fmt.Fprintf(&file, "  - match: {after: %d, times: %d}\n    fault: %s\n", s.rand.IntN(40), 1+s.rand.IntN(3),
			kind)
	}
	rules, err := faults.Parse("soak", []byte(file.String()))
	if err != nil {
		s.t.Fatal(err)
	}
	s.faults.Set(slices.Concat(rules.Rules, s.server.Rules)...)
	killAt := 0
	if s.rand.IntN(3) == 0 {
		killAt = 1 + s.rand.IntN(60)
	}
	s.record("the source fails: %s; the worker is killed at request %d", strings.Join(kinds, ", "), killAt)
	s.mu.Lock()
	defer s.mu.Unlock()
	if killAt > 0 {
		killAt += s.requests
	}
	s.onRequest = func() {
		if s.requests == killAt {
			s.kill()
		}
		if s.requests%3 == 0 {
			s.writeOne()
		}
	}
}

// stopFaults ends the faults, the writes and the kills.
func (s *soak) stopFaults() {
	s.faults.Set()
	s.record("faults end")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onRequest = nil
}

// faultKinds are all faults, as in a fault file.
var faultKinds = []string{
	"{status: 500}", "{status: 503, retry-after: 1}", "{status: 429, rate-limit: 1}", "{status: 401}", "{status: 403}",
	"{status: 400}", "{status: 404}", "{status: 410}",
	"{delay: 20ms}", "{slow-drip: {bytes: 4096, every: 1ms}}", "{cut-off: 0.5}", "{truncated: 0.9}", "close",
	"garbage", "html",
	"{content-type: text/plain}", "{gzip-bomb: 70MiB}", "empty-bundle", "operation-outcome", "outcome-entry",
	"{next: repeat}", "{next: loop}", "{next: other-origin}", "{next: relative}", "{next: missing}", "{next: expired}",
	"{short-page: 3}", "{duplicates: 3}", "{drop: 2}", "skip-ties", "{total: drop}", "{total: zero}",
	"{total: scramble}",
	"missing-meta", "{missing-meta: lastUpdated}", "seconds-only", "{ignore: [_lastUpdated, _sort, _count]}",
	"{cached: 60s}", "{late-commits: 60s}", "{clock-skew: -10m}", "{clock-skew: 10m}",
	"{poison: nul}", "{poison: lone-surrogate}", "{poison: no-id}", "stu3",
}
