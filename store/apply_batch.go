package store

import "dossiersync/store/dossier"

// BatchKind is the way in which a batch's items were learnt from the source.
type BatchKind uint8

const (
	// BatchListed holds items from a search. A search may return old versions, so an item
	// that is older than the stored one is queued to be read by its id.
	BatchListed BatchKind = iota
	// BatchRead holds items that were just read by their ids. They are the source's present
	// state: an item that is older than the stored one is reported in [Applied.Older].
	BatchRead
	// BatchDeletions holds withdrawals that the source states. Items of which nothing is
	// stored are ignored, so that records which never were here leave no tombstones.
	BatchDeletions
	// BatchAbsences holds items that a direct read confirmed to be absent. Items that are not
	// shown are ignored. The others are counted in [Applied.Removed], for the brake (I5), and
	// not in the run's effects.
	BatchAbsences
	// BatchSettled holds items that were just read by their ids and that lack a member, or a
	// mark. That was judged: they are stored as they are.
	BatchSettled
	// BatchUnfound holds withdrawals of items in quarantine that the source does not have. They
	// leave the quarantine and are counted, unless a good version of them is shown: only a
	// reconcile removes that. Nothing is stored.
	BatchUnfound
)

// onlyStored reports whether the kind changes stored items only.
func (k BatchKind) onlyStored() bool {
	return k == BatchDeletions || k == BatchAbsences || k == BatchUnfound
}

// ignores reports whether the kind ignores an item with the stored version old (nil: none).
func (k BatchKind) ignores(old *stored) bool {
	switch k {
	case BatchDeletions:
		return old == nil
	case BatchAbsences:
		return !old.isShown()
	case BatchUnfound:
		return true
	}
	return false
}

// Batch holds the items of a page, or of a part of a page.
type Batch struct {
	Kind  BatchKind
	Claim Claim
	Type  TypeID
	Items []dossier.Item
	// Digest is mixed into the items' hashes: it covers the rules of rendering.
	Digest dossier.Hash
	// RulesChanged is set while a type is read again because other items than before are to be
	// hidden: an item that loses its mark then is the tenant's statement.
	RulesChanged bool
	// New says that no item of a BatchListed is likely to be stored, or counted by the run. Nothing
	// is looked up then; if it is not so after all, the batch is applied as another would be.
	New bool
	// Drained is set on the last batch of a window.
	Drained *Drained
	// Requests is how many requests to the source the items cost, for the run's record.
	Requests int64
}

// Applied is the result of a batch. Counts are of items that the run had not counted yet, or
// had counted differently.
type Applied struct {
	Effects   Effects
	Cancelled bool  // an operator asked to stop the run
	Removed   int64 // items of a BatchAbsences that were removed
	// Older lists the items of a BatchRead that are older than the stored ones: the source
	// was put back to an older state.
	Older []dossier.Ref
	// LeftOut counts the items by places whose words reach no reader.
	LeftOut []PlaceCount
	// NotNew reports that a batch which was said to be new was not.
	NotNew bool
}

func (a *Applied) add(b Applied) {
	a.Effects.Add(b.Effects)
	a.Cancelled, a.NotNew = a.Cancelled || b.Cancelled, a.NotNew || b.NotNew
	a.Removed += b.Removed
	a.Older = append(a.Older, b.Older...)
	a.LeftOut = append(a.LeftOut, b.LeftOut...)
}
