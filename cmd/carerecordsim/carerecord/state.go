package carerecord

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// A state file holds a generated care record while no process runs: a line with the moment at which it
// was generated, and a line for each resource. Older versions and deleted resources are not in it.
type state struct {
	Generated time.Time `json:"generated"`
	resources [][]byte
}

// readState returns nil if there is no file.
func readState(path string) (*state, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || path == "" {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	lines := bytes.Split(bytes.TrimSpace(content), []byte("\n"))
	var s state
	if err := json.Unmarshal(lines[0], &s); err != nil || s.Generated.IsZero() {
		return nil, fmt.Errorf("read the state: the first line of %s is not a moment", path)
	}
	s.resources = lines[1:]
	return &s, nil
}

// writeState writes the server's resources.
func (s *System) writeState() (err error) {
	if s.state == "" {
		return nil
	}
	draft, err := os.CreateTemp(filepath.Dir(s.state), ".carerecord")
	if err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	w := bufio.NewWriter(draft)
	_ = json.NewEncoder(w).Encode(state{Generated: s.generated}) // the errors come from Flush
	all := s.Server.Resources()
	for _, ref := range slices.Sorted(maps.Keys(all)) {
		_, _ = w.Write(append(all[ref], '\n'))
	}
	if err := errors.Join(w.Flush(), draft.Close(), os.Rename(draft.Name(), s.state)); err != nil {
		return errors.Join(fmt.Errorf("write the state: %w", err), os.Remove(draft.Name()))
	}
	return nil
}
