package dossiers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"dossiersync/cmd/carerecordsim/simulator"
)

// Write is one write in the care record system.
type Write struct {
	Type, ID string
	At       time.Time
	Body     []byte // nil: the resource is deleted
}

// journal collects writes, without those in the future.
type journal struct {
	now    time.Time
	writes []Write
	err    error // the first error
}

func (j *journal) put(at time.Time, typ, id string, resource any) {
	if at.After(j.now) {
		return
	}
	body, err := encode(resource)
	if err != nil && j.err == nil {
		j.err = fmt.Errorf("write %s/%s: %w", typ, id, err)
	}
	j.writes = append(j.writes, Write{Type: typ, ID: id, At: at, Body: body})
}

// encode returns JSON that keeps the angle brackets of narratives.
func encode(resource any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(resource)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func (j *journal) delete(at time.Time, typ, id string) {
	if !at.After(j.now) {
		j.writes = append(j.writes, Write{Type: typ, ID: id, At: at})
	}
}

// Fill makes all Writes on a server, each at its time.
func (d *Dossiers) Fill(s *simulator.Server) error {
	for _, w := range d.Writes {
		var err error
		if w.Body == nil {
			_, err = s.DeleteAt(w.At, w.Type, w.ID)
		} else {
			_, err = s.PutAt(w.At, w.Body)
		}
		if err != nil {
			return fmt.Errorf("fill: %w", err)
		}
	}
	return nil
}
