package fhir

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"

	"dossiersync/store/dossier"
	"dossiersync/sync/source"
)

// item maps the resource that raw holds, which a source gave when asked for t.
// Envelope comes before body: what may not be shown is not looked at further,
// and what cannot be read is quarantined, never dropped (I2, I6). With
// envelopeOnly the body is taken for granted, and there is no content. r is
// room to work in.
func (m *mapper) item(r *resource, t source.Type, raw []byte, envelopeOnly bool) dossier.Item {
	k, ok := kindNamed(t.Name)
	if !ok {
		it := dossier.Item{Ref: dossier.Ref{Type: t.Name}, Stream: t.Stream}
		return m.quarantine(it, raw, fault{dossier.BadType, "a type that is not pulled"})
	}
	return m.itemOf(r, k, t, raw, envelopeOnly)
}

// itemOf is item for a resource of the kind k. Where this program itself fails on
// a record, that is one record that could not be read, and no end of the process.
func (m *mapper) itemOf(r *resource, k *kindOfResource, t source.Type, raw []byte, envelopeOnly bool) (it dossier.Item) {
	it = dossier.Item{Ref: dossier.Ref{Type: t.Name}, Stream: t.Stream}
	defer func() {
		if recover() != nil {
			it.EnvelopeRead = false
			it = m.quarantine(it, raw, fault{dossier.BadBody, "the program failed on it"})
		}
	}()
	r.judge = m.judge
	visible, labels, err := m.withoutLabelled(raw)
	if err == nil {
		err = r.load(visible)
	}
	if err != nil {
		return m.quarantine(it, raw, fault{reasonOf(err), "resource: " + err.Error()})
	}
	r.labels, r.withheld = labels, labels.withheld
	if f := m.identify(r, &it); f != nil {
		return m.quarantine(it, raw, *f)
	}
	if isPulledParty(it.Type) {
		it.Aliases = identifiers(r.get("identifier"))
	}
	e := m.readEnvelope(r, k)
	readable := r.failed == nil
	it.Version, it.Client = e.version, e.client
	it.State, it.Reason = e.verdict.state, e.verdict.reason
	it.Updated = m.moment(r.get("meta").get("lastUpdated")).Time
	if !readable {
		return m.quarantine(it, raw, *r.failed)
	}
	if it.State == dossier.StateShown && !envelopeOnly {
		r.blame = dossier.BadBody
		m.readBody(r, k, e, &it)
	}
	if it.Reason == dossier.HiddenMerged && k.remains != nil {
		it.Content = k.remains(m, r)
	}
	if r.failed != nil && it.State == dossier.StateShown {
		it.EnvelopeRead = true
		return m.quarantine(it, raw, *r.failed)
	}
	it.Missing = m.missing(r, k, &it)
	if !envelopeOnly {
		it.Hash = r.hash(t, &it)
		if it.Content != nil || it.Missing == dossier.MissingContent {
			it.LeftOut = m.leftOut(r, it.Type)
			if isSampled(it.Ref) {
				it.Words = m.sourceWords(r, it.Type)
			}
		}
	}
	return it
}

// missing returns what a hidden record lacks, if it is hidden for what it lacks and
// not for what it says.
func (m *mapper) missing(r *resource, k *kindOfResource, it *dossier.Item) dossier.Missing {
	if it.State != dossier.StateHidden {
		return ""
	}
	switch it.Reason {
	case dossier.HiddenEmpty, dossier.HiddenNotADocument:
		return dossier.MissingContent
	case dossier.HiddenNoClient:
		return dossier.MissingClient
	case dossier.HiddenUnknownStatus:
		if !r.get("status").ok() && !r.get("lifecycleStatus").ok() {
			return dossier.MissingStatus
		}
	case dossier.HiddenNotAReport:
		if k.code != "" && !r.get(k.code).ok() {
			return dossier.MissingCode
		}
	}
	return ""
}

// identify reads who the resource says it is, and returns what is wrong with
// that.
func (m *mapper) identify(r *resource, it *dossier.Item) *fault {
	name := r.get("resourceType").str()
	id := r.get("id").str()
	if isID(id) {
		it.ID = id
	}
	switch {
	case r.failed != nil:
		return r.failed
	case name != it.Type:
		// Its id is one of another type's: it stands for no record of this one.
		if it.ID = ""; isTypeName(name) {
			it.Type = name
		}
		return &fault{dossier.BadType, "resourceType: not what was asked for"}
	case id == "":
		return &fault{dossier.BadID, "id: missing"}
	case it.ID == "":
		return &fault{dossier.BadID, "id: not a FHIR id"}
	}
	return nil
}

// readBody sets it's content, or why it has none after all.
func (m *mapper) readBody(r *resource, k *kindOfResource, e *envelope, it *dossier.Item) {
	switch {
	case len(r.raw) > m.limits.Entry:
		r.fail(dossier.TooLarge, "resource: too large")
		return
	case r.deep:
		r.fail(dossier.TooDeep, "resource: nested too deep")
		return
	}
	if r.labels.whole || e.marks.wantsInline() && !r.labels.understood {
		it.State, it.Reason = dossier.StateHidden, dossier.HiddenModifierExtension
		return
	}
	content, v := k.body(m, r, e)
	if r.withheld && (v.reason == dossier.HiddenEmpty || v.reason == dossier.HiddenNotADocument) {
		v.reason = dossier.HiddenModifierExtension // there was something, and it is not for readers
	}
	switch {
	case r.modified: // also where something else cannot be read
		it.State, it.Reason = dossier.StateHidden, dossier.HiddenModifierExtension
	case r.failed != nil:
	case v.state != dossier.StateShown:
		it.State, it.Reason = v.state, v.reason
	default:
		it.Content = content
	}
}

// maxDetail is the most characters of what is said about an item that could not be applied.
const maxDetail = 300

// quarantine makes it an item that could not be applied.
func (m *mapper) quarantine(it dossier.Item, raw []byte, f fault) dossier.Item {
	it.State, it.Reason, it.Detail = dossier.StateQuarantined, f.reason, cut(f.detail, maxDetail)
	it.Content, it.Hash = nil, dossier.Hash{}
	it.Raw, it.RawCut = bytes.Clone(raw[:min(len(raw), m.limits.Raw)]), len(raw) > m.limits.Raw
	return it
}

// hash digests what a reader could see of it, and the rules that made it so:
// equal hashes mean that nothing worth storing has changed.
func (r *resource) hash(t source.Type, it *dossier.Item) dossier.Hash {
	b := r.scratch[:0]
	for _, s := range [...]string{t.Fingerprint, string(it.State), string(it.Reason), it.Client} {
		b = append(append(b, s...), 0)
	}
	if it.State != dossier.StateShown {
		for _, ref := range it.Aliases {
			b = append(append(b, ref.ID...), 0)
		}
	}
	if report, ok := it.Content.(*dossier.Report); ok {
		b, _ = report.AppendJSON(b) // of the years 1 to 9999
	} else {
		text, _ := json.Marshal(it.Content) // strings, numbers and times of those years
		b = append(append(b, text...), '\n')
	}
	r.scratch = b
	sum := sha256.Sum256(b)
	return dossier.Hash(sum[:len(dossier.Hash{})])
}
