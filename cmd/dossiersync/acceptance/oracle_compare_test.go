package acceptance

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sync/errgroup"

	"dossiersync/store/dossier"
)

// differences returns the differences between what the reader sees and what the oracle
// expects, each with the name of the record in the source.
func (h *harness) differences(token string) []string {
	h.t.Helper()
	resources := h.sim.Resources
	if h.resources != nil {
		resources = h.resources
	}
	o, p := newOracle(h.t, resources()), portalReader{h, token}
	want := o.dossiers()
	got, err := p.dossiers()
	if err != nil {
		h.t.Fatal(err)
	}
	c := comparison{harness: h, names: make(map[string]string)}
	for name := range o.all {
		c.names[keyOf(resource{"reference": name})] = name
	}
	var g errgroup.Group
	g.SetLimit(maxConcurrentReads)
	for _, v := range h.sim.List("Patient") {
		client := v.ID
		w, is := want[client], got[client]
		switch {
		case w == nil && is != nil:
			c.add("the dossier", client, "can be opened, and should not be")
		case w != nil && is == nil:
			c.add("the dossier", client, "cannot be opened, and should be")
		case w == nil:
			// The dossier must look like one of a missing client.
			if status, body := p.getWithRetry("/v1/dossiers/" + client + "/reports"); status != http.StatusNotFound {
				c.add("the dossier", client, fmt.Sprintf("is not listed, and answers %d %s", status, body))
			}
		default:
			// Lists of few cards are not worth their requests.
			if c.dossier(client, w, is, o.unavailable) && len(w.cards()) > 5 {
				g.Go(func() error { return c.lists(p, client, w) })
			}
		}
		delete(got, client)
	}
	for client := range got {
		c.add("the dossier", client, "can be opened, although the source has no such client")
	}
	if err := g.Wait(); err != nil {
		h.t.Fatal(err)
	}
	return c.found
}

// comparison collects the first 20 differences.
type comparison struct {
	*harness
	names map[string]string // of records in the source, by key

	mu    sync.Mutex
	found []string
}

func (c *comparison) add(name, client, how string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.found) < 20 {
		c.found = append(c.found, fmt.Sprintf("%s of %s: %s", name, client, how))
	}
}

// dossier compares the items of one dossier, and reports whether they are equal. want then
// has unavailable items as they are served.
func (c *comparison) dossier(client string, want, got *shownDossier, apart map[string]bool) bool {
	before := len(c.found)
	acceptUnavailable(want.Reports, got.Reports, apart)
	compareItems(c, client, want.Reports, got.Reports)
	compareItems(c, client, want.Forms, got.Forms)
	compareItems(c, client, want.Plans, got.Plans)
	compareItems(c, client, want.Contacts, got.Contacts)
	if want.Name != got.Name {
		c.add("the name", client, fmt.Sprintf("is %q, want %q", got.Name, want.Name))
	}
	return len(c.found) == before
}

// acceptUnavailable accepts what is served of documents whose file cannot be had: their last
// good version or nothing.
func acceptUnavailable(want, got map[string]reportView, apart map[string]bool) {
	for key := range apart {
		if v, ok := got[key]; ok {
			want[key] = v
		} else {
			delete(want, key)
		}
	}
}

var sameView = cmp.Options{
	cmp.AllowUnexported(timeView{}, reportView{}, formView{}, planView{}),
	cmpopts.IgnoreFields(timeView{}, "exact"), cmpopts.IgnoreFields(reportView{}, "client"), cmpopts.EquateEmpty(),
}

func compareItems[V any](c *comparison, client string, want, got map[string]V) {
	for _, key := range slices.Sorted(maps.Keys(union(want, got))) {
		name := c.name(key)
		w, should := want[key]
		g, is := got[key]
		switch {
		case !is:
			c.add(name, client, "is not shown, and should be")
		case !should:
			c.add(name, client, fmt.Sprintf("is shown, and should not be: %+v", g))
		default:
			if diff := cmp.Diff(w, g, sameView); diff != "" {
				c.add(name, client, "differs (-source +portal):\n"+diff)
			}
		}
	}
}

// name returns the record's name in the source, or in the replica if the source no longer has
// it.
func (c *comparison) name(key string) string {
	if name := c.names[key]; name != "" {
		return name
	}
	var name string
	const q = `SELECT type || '/' || id FROM items WHERE key = $1`
	if err := c.replica.Pool().QueryRow(c.t.Context(), q, key).Scan(&name); err != nil {
		return key
	}
	return name + ", which the source no longer has,"
}

func union[V any](a, b map[string]V) map[string]V {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// keyOf returns the key of the record that a Reference names.
func keyOf(ref resource) string {
	typ, id, _ := strings.Cut(ref.text("reference"), "/")
	return dossier.Key("amaris", dossier.Ref{Type: typ, ID: id})
}
