package store

import (
	"time"

	"dossiersync/store/dossier"
)

// writes collects the rows that a batch writes, until all of its items are decided on.
type writes struct {
	replaced []string // keys of rows that are deleted before COPY
	items    [][]any  // rows for COPY, in the order of itemColumns
	touched  struct { // rows of which only version and time change
		keys, versions []string
		updated        []*time.Time
	}

	refFrom, refTo []string // references, in pairs: the item refFrom names the item refTo
	targets        []string // keys of items that others may be rendered from
	inPlans        []string // keys of items from which care plans are rendered, in this transaction
	plans          []string // keys of plans that the items of inPlans name, or named before

	leftOut     leftOutRows
	seen        seenRows // keys that the run had not counted
	recounted   seenRows // keys that the run had counted differently
	quarantined []keyed
	cleared     struct { // items that could be applied, and may be in quarantine
		keys    []string
		updated []*time.Time
	}
	records  map[recordsOf]int64 // by how much the counters of records move
	rereads  []keyed             // items to be read by their ids
	absences []absence
	asBefore []string   // keys of items that came as they are stored: with what was there before
	unstated bool       // an item is shown that was hidden for a reason that the source did not state
	inferred []inferred // removals and reveals that nothing stated

	clients      []*dossier.Item
	contacts     []*dossier.Item
	definitions  []definition
	aliases      []string // names that may now belong to another record, or to none
	replacements replacements
	superseded   []string // keys of reports that were hidden because others replace them
}

// keyed is an item with its key.
type keyed struct {
	key string
	it  *dossier.Item
}

// seenRows are rows of table seen, by column.
type seenRows struct {
	keys    []string
	effects []Effect
}

func (s *seenRows) add(key string, e Effect) {
	s.keys = append(s.keys, key)
	s.effects = append(s.effects, e)
}

func (w *writes) put(tenant, key string, epoch int32, it *dossier.Item, r Rendered) {
	if it.Content != nil && it.State == dossier.StateShown {
		for _, ref := range it.Content.Refs() {
			w.refFrom = append(w.refFrom, key)
			w.refTo = append(w.refTo, dossier.Key(tenant, ref))
		}
		w.plans = append(w.plans, planKeys(tenant, it.Content)...)
	}
	w.replacements.add(tenant, key, it)
	w.items = append(w.items, itemRow(tenant, key, epoch, it, &r))
	switch it.Stream {
	case dossier.StreamClients:
		w.clients = append(w.clients, it)
		w.definitions = append(w.definitions, definition{key: key, it: it, model: []byte("null")})
	case dossier.StreamContacts:
		w.contacts = append(w.contacts, it)
		w.definitions = append(w.definitions, definition{key: key, it: it, model: []byte("null")})
	case dossier.StreamStaff:
		w.definitions = append(w.definitions, definition{key: key, it: it, model: []byte("null")})
	case dossier.StreamQuestionnaires:
		w.definitions = append(w.definitions, definition{key: key, it: it, model: r.Model})
	}
}

func (w *writes) touch(key string, it *dossier.Item) {
	w.touched.keys = append(w.touched.keys, key)
	w.touched.versions = append(w.touched.versions, it.Version)
	w.touched.updated = append(w.touched.updated, timeOrNull(it.Updated))
}

func (w *writes) clear(key string, it *dossier.Item) {
	w.cleared.keys = append(w.cleared.keys, key)
	w.cleared.updated = append(w.cleared.updated, timeOrNull(it.Updated))
}

func (w *writes) quarantine(key string, it *dossier.Item) {
	w.quarantined = append(w.quarantined, keyed{key, it})
}
