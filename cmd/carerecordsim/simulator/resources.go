package simulator

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"dossiersync/cmd/carerecordsim/archive"
)

// ErrDeleted is returned for a deleted resource.
var ErrDeleted = errors.New("resource deleted")

// Put writes a new version of the resource in raw. The server sets versionId and lastUpdated.
func (s *Server) Put(raw []byte) (*archive.Version, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.put(raw)
}

// put writes raw with the time of now; the caller holds s.writing.
func (s *Server) put(raw []byte) (*archive.Version, error) {
	var head *archive.Version
	if b := s.o.Behaviour; b.KeepsIdentical || b.LateCommits > 0 {
		var named struct{ ResourceType, ID string }
		_ = json.Unmarshal(raw, &named) // the archive returns the error
		head = s.archive.Head(named.ResourceType, named.ID)
		if b.KeepsIdentical && head != nil && head.HasContent(raw) {
			return head, nil
		}
	}
	return s.archive.Put(raw, s.commitTime(s.now(), head))
}

// commitTime returns the lastUpdated of a write that becomes visible now; see
// Behaviour.LateCommits.
func (s *Server) commitTime(now time.Time, head *archive.Version) time.Time {
	late := s.o.Behaviour.LateCommits
	s.writes++
	if late <= 0 || s.writes%3 != 0 {
		return now
	}
	r := rand.New(rand.NewPCG(2, s.writes)) //nolint:gosec // disorder, and no secret
	began := now.Add(-time.Duration(r.Int64N(int64(late))))
	if head != nil && !began.After(head.LastUpdated) {
		return now
	}
	return began
}

// PutAsIs writes a resource with its own meta. A missing versionId or lastUpdated is set, the
// latter to at.
func (s *Server) PutAsIs(at time.Time, raw []byte) (*archive.Version, error) {
	return s.archive.PutAsIs(raw, at)
}

// PutAt is like Put with a given lastUpdated, which may be before that of existing versions.
func (s *Server) PutAt(at time.Time, raw []byte) (*archive.Version, error) {
	return s.archive.Put(raw, at)
}

// Create writes raw under a new id. The same writes get the same ids in every process.
func (s *Server) Create(raw []byte) (*archive.Version, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	sum := sha256.Sum256(fmt.Append(nil, s.archive.Seq()))
	id := fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
	return s.archive.Create(raw, id, s.now())
}

// Update writes the newest version as changed by change; numbers in it are json.Number. Other
// writes through the clock wait.
func (s *Server) Update(typ, id string, change func(resource map[string]any)) (*archive.Version, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	head, err := s.Get(typ, id)
	if err != nil {
		return nil, fmt.Errorf("update %s/%s: %w", typ, id, err)
	}
	decoder := json.NewDecoder(bytes.NewReader(head.Body))
	decoder.UseNumber()
	var resource map[string]any
	if err := decoder.Decode(&resource); err != nil {
		return nil, fmt.Errorf("update %s/%s: %w", typ, id, err)
	}
	change(resource)
	raw, err := json.Marshal(resource)
	if err != nil {
		return nil, fmt.Errorf("update %s/%s: %w", typ, id, err)
	}
	return s.put(raw)
}

// Delete writes a tombstone. A second call changes nothing.
func (s *Server) Delete(typ, id string) (*archive.Version, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.archive.Delete(typ, id, s.now())
}

// DeleteAt is like Delete with a given lastUpdated.
func (s *Server) DeleteAt(at time.Time, typ, id string) (*archive.Version, error) {
	return s.archive.Delete(typ, id, at)
}

// Forget removes a resource without a trace: reads are 404, and it is in no history. It reports
// whether the resource existed.
func (s *Server) Forget(typ, id string) bool { return s.archive.Forget(typ, id) }

// Get returns the newest version, archive.ErrNotFound or ErrDeleted.
func (s *Server) Get(typ, id string) (*archive.Version, error) {
	switch v := s.archive.Head(typ, id); {
	case v == nil:
		return nil, archive.ErrNotFound
	case v.Deleted:
		return nil, ErrDeleted
	default:
		return v, nil
	}
}

// List returns the resources of one type, ordered by id.
func (s *Server) List(typ string) []*archive.Version {
	page, _ := s.archive.Search(archive.Query{Type: typ, Order: archive.ByID, AsOf: s.archive.Seq()}, -1)
	return page
}

// Resources returns the bodies of all resources that are not deleted, by "Type/id", as of one
// moment.
func (s *Server) Resources() map[string][]byte {
	all := map[string][]byte{}
	seq := s.archive.Seq()
	for _, typ := range s.archive.Types() {
		page, _ := s.archive.Search(archive.Query{Type: typ, AsOf: seq}, -1)
		for _, v := range page {
			all[v.Type+"/"+v.ID] = v.Body
		}
	}
	return all
}

// Counts returns the number of resources by type.
func (s *Server) Counts() map[string]int { return s.archive.Counts() }

// now returns the lastUpdated of the next write; the caller holds s.writing.
func (s *Server) now() time.Time {
	t := s.o.Clock().Truncate(time.Millisecond)
	earliest := s.last
	if !s.o.EqualInstants && !s.last.IsZero() {
		earliest = s.last.Add(time.Millisecond)
	}
	if t.Before(earliest) {
		t = earliest
	}
	s.last = t
	return t
}
