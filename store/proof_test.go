package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"dossiersync/store"
	"dossiersync/store/storetest"
)

var daughter = store.Identity{Tenant: "amaris", User: "daughter"}

// clockOf sets the clock of the portal's proofs apart from the present.
func clockOf(p *store.Portal, apart time.Duration) {
	p.SetNow(func() time.Time { return time.Now().Add(apart) })
}

// A proof counts for a few minutes before and after the database's time. Beyond that the error says what
// is wrong, and the same call may succeed later.
func TestClocksMayDifferByTwoMinutes(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	seedTwo(t, r)
	for apart, ok := range map[time.Duration]bool{
		0: true, time.Minute: true, -time.Minute: true, -2 * time.Minute: true,
		4 * time.Minute: false, -4 * time.Minute: false, -time.Hour: false,
	} {
		clockOf(r.Reader, apart)
		_, _, err := r.Reader.Dossier(t.Context(), daughter, "1")
		if ok != (err == nil) {
			t.Errorf("clocks that differ by %v: %v", apart, err)
		}
		if !ok && (!errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "clock")) {
			t.Errorf("clocks that differ by %v: %v, want one that names the clocks", apart, err)
		}
	}
}

// Two keys count while one replaces the other; a key that was taken out counts no more.
func TestProofKeyIsReplaced(t *testing.T) {
	t.Parallel()
	r := storetest.NewReplica(t)
	seedTwo(t, r)
	dir := t.TempDir()
	fresh, err := store.EnsureProofKeys(filepath.Join(dir, "new"))
	if err != nil {
		t.Fatal(err)
	}
	reader, err := store.OpenPortal(t.Context(), r.ReaderURL, fresh)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	want := func(what string, oldWorks, newWorks bool) {
		t.Helper()
		for p, ok := range map[*store.Portal]bool{r.Reader: oldWorks, reader: newWorks} {
			_, _, err := p.Dossier(t.Context(), daughter, "1")
			if ok != (err == nil) || !ok && !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s: old %v, new %v, but %v", what, oldWorks, newWorks, err)
			}
		}
	}
	owner := r.Owner(t)
	put := func(text string, unlessKnown bool) {
		t.Helper()
		st := owner
		if unlessKnown {
			st = r.Store
		}
		keys, err := store.ParseProofKeys(text)
		if err == nil {
			err = st.PutProofKeys(t.Context(), keys, unlessKnown, "amaris")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "new"))
	if err != nil {
		t.Fatal(err)
	}
	want("before", true, false)
	put(string(text), true)
	want("a worker leaves known keys alone", true, false)
	put(string(text)+storetest.ProofKey, false)
	want("both", true, true)
	put(string(text), false)
	want("the new one alone", false, true)
}

func TestProcessesMakeOneKeyFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "portal.key")
	r := storetest.NewReplica(t)
	owner := r.Owner(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			keys, err := store.EnsureProofKeys(path)
			if err == nil {
				err = owner.PutProofKeys(t.Context(), keys, false, "amaris")
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the file is %v, %v", info, err)
	}
	var n int
	const q = `SELECT count(DISTINCT id) FROM proof_keys WHERE tenant = 'amaris'`
	if err := r.Pool().QueryRow(t.Context(), q).Scan(&n); err != nil || n != 1 {
		t.Errorf("there are %d keys, %v", n, err)
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 1 {
		t.Errorf("files left: %v, %v", files, err)
	}
}

func TestKeyFileIsReadStrictly(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "\n", "# nothing\n", "none-that-this-service-may-know", "c2hvcnQ=", storetest.ProofKey + "\nx"} {
		if _, err := store.ParseProofKeys(text); err == nil {
			t.Errorf("%q is taken for a key file", text)
		}
	}
	if _, err := store.ParseProofKeys("# first\n" + storetest.ProofKey + "\n\n" + storetest.ProofKey); err != nil {
		t.Error(err)
	}
}

// codeOf returns the SQLSTATE of an error.
func codeOf(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}
