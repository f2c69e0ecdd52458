package sync_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
	"dossiersync/store/dossier"
)

// scenario is a random source of some clients' plans: its records in the end, and what they were in
// earlier rounds.
type scenario struct {
	*rand.Rand

	clients []string
	last    []dossier.Item   // the final state of each record
	rounds  [][]dossier.Item // what was put in each round
}

const rounds = 4

func newScenario(seed uint64, clients int) *scenario {
	s := &scenario{Rand: rand.New(rand.NewPCG(seed, 1)), rounds: make([][]dossier.Item, rounds)}
	for i := range clients {
		s.clients = append(s.clients, fmt.Sprint("c", i))
	}
	for i, c := range s.clients {
		s.client(c, s.clients[(i+1)%clients])
	}
	return s
}

func (s *scenario) chance(percent int) bool { return s.IntN(100) < percent }

// client draws the records of one client, some of which turn out to be another client's.
func (s *scenario) client(id, other string) {
	const plans = 7
	name := func(i int) string { return fmt.Sprint(id, "-", i) }
	goal := func() dossier.Item {
		return record(goals, id+"-g", id, 0, &dossier.Goal{Description: fmt.Sprint("doel ", s.IntN(100)),
			Status: "active"})
	}
	plan := func(i int) dossier.Item {
		p := &dossier.CarePlan{Title: fmt.Sprint("Deel ", s.IntN(3)), Status: "active", Open: true,
			At:    beginsOn(s.IntN(3)),
			Notes: []dossier.Note{{Text: name(i)}, {Text: fmt.Sprint(s.IntN(100))}}}
		for range s.IntN(3) {
			part := name(s.IntN(plans + 1)) // the last of these does not exist
			p.PartOf = append(p.PartOf, dossier.Ref{Type: carePlans.Name, ID: part})
		}
		if s.chance(20) {
			p.Open, p.Status = false, "completed"
		}
		if s.chance(15) {
			p.Replaces = []dossier.Ref{{Type: carePlans.Name, ID: name(s.IntN(plans))}}
		}
		if s.chance(50) {
			p.Goals = []dossier.Ref{{Type: goals.Name, ID: id + "-g"}}
		}
		return s.perhaps(record(carePlans, name(i), id, 0, p), other)
	}
	agreed := func(i int) dossier.Item {
		by := []dossier.Party{party(patients, id), party(relatives, id+"-k"), party(patients, other),
			{Display: "Buurvrouw"}}[s.IntN(4)]
		it := agreement(consents, name(i)+"-c", id, 1+s.IntN(9), by, name(s.IntN(plans)), name(s.IntN(plans)))
		if s.chance(50) {
			it = agreement(signatures, name(i)+"-s", "", 1+s.IntN(9), by, name(s.IntN(plans)),
				fmt.Sprint(other, "-", s.IntN(plans)))
		}
		return s.perhaps(it, other)
	}
	s.add(func() dossier.Item {
		return record(patients, id, id, 0, &dossier.Client{Name: fmt.Sprint("Mevrouw ", s.IntN(100))})
	})
	s.add(func() dossier.Item { return relative(id+"-k", id, fmt.Sprint("Jan ", s.IntN(100))) })
	s.add(goal)
	for i := range plans {
		s.add(func() dossier.Item { return plan(i) })
	}
	for i := range 3 {
		it := agreed(i)
		s.add(func() dossier.Item {
			for {
				if again := agreed(i); again.Ref == it.Ref {
					return again
				}
			}
		})
	}
}

// perhaps hides the record or moves it to another client, by chance.
func (s *scenario) perhaps(it dossier.Item, other string) dossier.Item {
	switch {
	case s.chance(10):
		return hidden(it)
	case it.Client != "" && s.chance(10):
		return movedTo(other, it)
	}
	return it
}

// add draws the final state of a record, and perhaps earlier states in earlier rounds.
func (s *scenario) add(draw func() dossier.Item) {
	final := s.IntN(rounds)
	for round := range final {
		if s.chance(50) {
			s.rounds[round] = append(s.rounds[round], draw())
		}
	}
	it := draw()
	s.rounds[final] = append(s.rounds[final], it)
	s.last = append(s.last, it)
}

// replica returns a replica of a source that got the records round by round, in random order.
func (s *scenario) replica(t *testing.T, rounds ...[]dossier.Item) *harness {
	t.Helper()
	f, h := newPlansHarness(t)
	for _, items := range rounds {
		items = slices.Clone(items)
		s.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
		for i := range items {
			f.mu.Lock()
			items[i].Updated = f.now.Add(time.Hour + time.Duration(i)*time.Second)
			f.mu.Unlock()
		}
		f.put(items...)
		f.advance(4 * time.Hour)
		h.wantSync(store.OutcomeComplete, store.Scope{})
	}
	return h
}

// planShapes returns all that a reader gets of the clients' plans.
func (h *harness) planShapes(clients []string) map[string][]string {
	h.t.Helper()
	all := make(map[string][]string)
	for _, c := range clients {
		for _, l := range h.listPlans(c) {
			all[c] = append(all[c], fmt.Sprintf("%s open=%v\n%s\n%s", l.Key, *l.Open, l.Card, l.Body))
		}
	}
	return all
}

// I1: in whatever order the records came, and whatever they were before, the plans are those of a
// replica that got all records at once; and each plan is in one place.
func TestGroupingDoesNotDependOnArrivalOrder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			s := newScenario(seed, 25)
			h := s.replica(t, s.rounds...)
			got := h.planShapes(s.clients)
			if diff := cmp.Diff(s.replica(t, s.last).planShapes(s.clients), got); diff != "" {
				t.Errorf("read at once (-) and round by round (+): %s", diff)
			}
			h.wantSync(store.OutcomeComplete, store.Scope{Full: true})
			if diff := cmp.Diff(got, h.planShapes(s.clients)); diff != "" {
				t.Errorf("before (-) and after (+) another full run: %s", diff)
			}
			parts := 0
			for _, c := range s.clients {
				parts += s.checkOneClient(t, h, c)
			}
			if parts < len(s.clients) {
				t.Errorf("only %d plans are parts of others", parts)
			}
		})
	}
}

// checkOneClient looks for each of the client's plans, by its first note, and returns how many are
// parts of others.
func (s *scenario) checkOneClient(t *testing.T, h *harness, client string) (parts int) {
	t.Helper()
	where := make(map[string][]string) // note → the plans that hold it
	for _, l := range h.listPlans(client) {
		var p servedPlan
		if err := json.Unmarshal(l.Body, &p); err != nil {
			t.Fatal(err)
		}
		for _, n := range p.Notes {
			where[n.Text] = append(where[n.Text], l.Key)
		}
	}
	for _, it := range s.last {
		if it.Stream != dossier.StreamCarePlans || it.Type != carePlans.Name {
			continue
		}
		found, want := where[it.ID], 0
		if it.State == dossier.StateShown && it.Client == client {
			want = 1
		}
		if len(found) != want {
			t.Errorf("plan %s of %s occurs %d times in %s's dossier, want %d", it.ID, it.Client, len(found), client,
				want)
		}
		if len(found) == 1 && found[0] != dossier.Key(tenant, it.Ref) {
			parts++
			if p, ok := it.Content.(*dossier.CarePlan); ok && len(p.PartOf) == 0 {
				t.Errorf("plan %s is shown within another plan, although it is a part of none", it.ID)
			}
		}
		delete(where, it.ID)
	}
	for note := range where {
		if strings.HasPrefix(note, "c") {
			t.Errorf("%s's dossier has the note %s", client, note)
		}
	}
	return parts
}
