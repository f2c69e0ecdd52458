package store_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dossiersync/store"
	"dossiersync/store/dossier"
	"dossiersync/store/storetest"
)

const plaintext = `{"resourceType":"Observation","valueString":"Mevrouw heeft goed geslapen."}`

func sealerOf(t *testing.T, b byte) *store.Sealer {
	t.Helper()
	s, err := store.NewSealer(bytes.Repeat([]byte{b}, store.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// keep has the run keep raw bytes under a key of that byte.
func (r *harness) keep(b byte) {
	r.t.Helper()
	replica := *r.Replica
	replica.Store = r.WithSealer(sealerOf(r.t, b))
	r.Replica = &replica
}

func sealed(id, client, raw string) dossier.Item {
	it := unreadable(report(id, client, "x", 1), true)
	it.Raw = []byte(raw)
	return it
}

func keyOf(id string) string { return dossier.Key(tenant, dossier.Ref{Type: "Observation", ID: id}) }

// raw returns what an operator is shown of the report.
func (r *harness) raw(id string) (string, error) {
	got, err := r.QuarantineRaw(r.t.Context(), keyOf(id), "beheerder")
	return string(got), err
}

func TestRawBytesAreStoredEncrypted(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.keep(1)
	r.apply(patients, patient("a", 0))
	r.apply(reports, sealed("1", "a", plaintext))
	const leaks = `
		SELECT count(*)::text FROM quarantine q
		WHERE position('geslapen'::bytea IN raw) > 0 OR position('Observation'::bytea IN raw) > 0 OR q::text LIKE '%geslapen%'`
	if got := r.one(leaks); got != "0" {
		t.Error("the bytes can be read in the table")
	}
	if got, err := r.raw("1"); err != nil || got != plaintext {
		t.Errorf("shown %q, %v", got, err)
	}
	const logged = `SELECT concat_ws(' ', tenant, action, event, outcome, user_id, client, object, source) FROM access_log`
	if got, want := r.one(logged), "amaris read quarantine view success beheerder a "+keyOf("1")+" operator"; got != want {
		t.Errorf("logged %q, want %q", got, want)
	}
	// Each version takes the place of the one before, and a good one of all.
	r.apply(reports, sealed("1", "a", plaintext+" "))
	if got, err := r.raw("1"); err != nil || got != plaintext+" " {
		t.Errorf("shown %q, %v", got, err)
	}
	r.apply(reports, report("1", "a", "goed", 1))
	if _, err := r.raw("1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("after a good version: %v", err)
	}
}

func TestRawBytesAreNotKeptWithoutKeyOrTooLarge(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0))
	r.apply(reports, sealed("none", "a", plaintext))
	without := r.Replica
	r.keep(1)
	cut := sealed("cut", "a", plaintext)
	cut.RawCut = true
	r.apply(reports, cut, sealed("large", "a", strings.Repeat("x", store.MaxRaw+1)),
		sealed("full", "a", strings.Repeat("x", store.MaxRaw)), sealed("later", "a", plaintext))
	const kept = `SELECT coalesce(string_agg(id, ' ' ORDER BY id) FILTER (WHERE raw IS NOT NULL), '') FROM quarantine`
	if got := r.one(kept); got != "full later" {
		t.Errorf("kept of %q", got)
	}
	for _, id := range []string{"none", "cut", "large"} {
		if _, err := r.raw(id); !errors.Is(err, store.ErrNoRaw) {
			t.Errorf("%s: %v", id, err)
		}
	}
	// The key is taken away: what comes again is not kept.
	r.Replica = without
	r.apply(reports, sealed("later", "a", plaintext))
	if got := r.one(kept); got != "full" {
		t.Errorf("without the key, kept of %q", got)
	}
	if got := r.one(`SELECT count(*)::text FROM access_log`); got != "0" {
		t.Errorf("%s views are logged, of nothing", got)
	}
}

// A row's bytes open under its own key only, and only as they are.
func TestRawBytesOpenOnlyInTheirRow(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.keep(1)
	r.apply(patients, patient("a", 0))
	r.apply(reports, sealed("1", "a", plaintext), sealed("2", "a", "another"))
	for name, tc := range map[string]struct {
		change string
		want   error
	}{
		"another row's":  {`UPDATE quarantine SET raw = (SELECT raw FROM quarantine WHERE id = '2') WHERE id = '1'`, store.ErrNotItsBytes},
		"a byte changed": {`UPDATE quarantine SET raw = set_byte(raw, 30, get_byte(raw, 30) # 1) WHERE id = '1'`, store.ErrNotItsBytes},
		"cut off":        {`UPDATE quarantine SET raw = substr(raw, 1, 40) WHERE id = '1'`, store.ErrNotItsBytes},
		"cut off early":  {`UPDATE quarantine SET raw = substr(raw, 1, 3) WHERE id = '1'`, store.ErrNotItsBytes},
		"plain":          {`UPDATE quarantine SET raw = 'hello' WHERE id = '1'`, store.ErrNotItsBytes},
		"empty":          {`UPDATE quarantine SET raw = '' WHERE id = '1'`, store.ErrNotItsBytes},
		"nothing amiss":  {`SELECT 1`, nil},
	} {
		r.exec(`UPDATE quarantine SET raw = NULL`)
		r.apply(reports, sealed("1", "a", plaintext), sealed("2", "a", "another"))
		r.exec(tc.change)
		if got, err := r.raw("1"); !errors.Is(err, tc.want) || err == nil && got != plaintext {
			t.Errorf("%s: shown %q, %v", name, got, err)
		}
	}
	r.exec(`UPDATE quarantine SET raw = NULL`)
	r.apply(reports, sealed("1", "a", plaintext))
	r.keep(2)
	if _, err := r.raw("1"); !errors.Is(err, store.ErrOtherKey) {
		t.Errorf("under another key: %v", err)
	}
	if got := r.one(`SELECT count(*)::text FROM access_log`); got != "1" {
		t.Errorf("%s views are logged, of one", got)
	}
}

// I9: no log, no bytes.
func TestRawBytesAreNotShownUnlogged(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.keep(1)
	r.apply(patients, patient("a", 0))
	r.apply(reports, sealed("1", "a", plaintext))
	r.exec(`ALTER TABLE access_log ADD CHECK (source <> 'operator')`)
	if got, err := r.raw("1"); !errors.Is(err, store.ErrLogUnavailable) || got != "" {
		t.Errorf("shown %q, %v", got, err)
	}
}

// I6: nothing stays of the dossier of a client that is no longer shared, encrypted or not. The
// client's own record is not part of the dossier.
func TestRawBytesAreDeletedWithTheirClient(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.keep(1)
	r.apply(patients, patient("a", 0), patient("b", 0))
	r.apply(reports, sealed("1", "a", plaintext), sealed("2", "b", plaintext))
	bad := unreadable(patient("a", 2), false)
	bad.Raw = []byte(plaintext)
	r.apply(patients, bad)
	const kept = `SELECT string_agg(type || ' ' || id, ',' ORDER BY type, id) FILTER (WHERE raw IS NOT NULL) FROM quarantine`
	if diff := cmp.Diff("Observation 2,Patient a", r.one(kept)); diff != "" {
		t.Error(diff)
	}
}

func TestSealerRefusesKeyOfOtherSize(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := store.NewSealer(make([]byte, n)); err == nil {
			t.Errorf("%d bytes: no error", n)
		}
	}
}

// Showing an operator the client of an item, or the state of a dossier, counts as a read.
func TestOperatorsViewIsLoggedOrRefused(t *testing.T) {
	t.Parallel()
	r := newHarness(t, storetest.NewReplica(t))
	r.apply(patients, patient("a", 0))
	r.apply(reports, sealed("1", "a", plaintext))
	it, err := r.ViewQuarantined(t.Context(), keyOf("1"), "beheerder")
	if err != nil || *it.Client != "a" {
		t.Errorf("shown is %+v, %v", it, err)
	}
	if _, err := r.ViewQuarantined(t.Context(), "nothing", "beheerder"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of nothing: %v", err)
	}
	r.why("a", "dochter")
	r.why("nobody", "")
	const logged = `SELECT string_agg(concat_ws(' ', tenant, action, event, outcome, user_id, client, object, source), E'\n' ORDER BY time) FROM access_log`
	want := "amaris read quarantine success beheerder a " + keyOf("1") + " operator\n" +
		"amaris read why success beheerder a dochter operator\namaris read why success beheerder nobody operator"
	if diff := cmp.Diff(want, r.one(logged)); diff != "" {
		t.Errorf("logged (-want +got):\n%s", diff)
	}
	r.exec(`ALTER TABLE access_log ADD CHECK (source <> 'operator') NOT VALID`)
	if got, err := r.ViewQuarantined(t.Context(), keyOf("1"), "beheerder"); !errors.Is(err, store.ErrLogUnavailable) || got.Client != nil {
		t.Errorf("without a log: %+v, %v", got, err)
	}
	if got, err := r.Why(t.Context(), tenant, "a", "", "beheerder"); !errors.Is(err, store.ErrLogUnavailable) || got.Client != nil {
		t.Errorf("without a log why is answered with %+v, %v", got, err)
	}
}
