package sync

import (
	"sync"
	"time"

	"dossiersync/store"
)

// habits are what windows have learned about one tenant's source. They last as long as the Syncer.
type habits struct {
	mu      sync.Mutex
	widths  map[searched]time.Duration // the longest interval that a search answers
	usual   map[bool]time.Duration     // where a type's own is not known, by searched.client; 0: any
	surplus map[store.TypeID]int       // records that the source counts in any interval, and never shows
}

// searched is a type, and whether its records of one client are searched for or those of all.
type searched struct {
	store.TypeID
	client bool
}

func newHabits() *habits {
	return &habits{widths: make(map[searched]time.Duration), usual: make(map[bool]time.Duration),
		surplus: make(map[store.TypeID]int)}
}

// width returns the longest interval that may be searched at once; 0: any.
func (h *habits) width(of searched) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if w, ok := h.widths[of]; ok {
		return w
	}
	return h.usual[of.client]
}

// narrow stores that searches fail for intervals longer than width. Other types begin with a width
// that may be a server's limit rather than one record's fault.
func (h *habits) narrow(of searched, width time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.widths[of] = width
	if width == firstWidth {
		h.usual[of.client] = width
	}
}

// forget ends what narrow has stored of a type: shorter intervals do not help.
func (h *habits) forget(of searched) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.widths, of)
}

// excess returns by how much the source's counts of the type are known to be too high.
func (h *habits) excess(id store.TypeID) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.surplus[id]
}

// overcounts stores by how much the source's counts of the type are too high.
func (h *habits) overcounts(id store.TypeID, by int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.surplus[id] = by
}
