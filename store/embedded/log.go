package embedded

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
)

// maxLog is the size in bytes at which the log is renamed.
const maxLog = 8 << 20

// rotateLog renames a long log, and returns the offset in bytes at which the server's next lines will
// begin.
func (c *cluster) rotateLog() (int64, error) {
	info, err := os.Stat(c.path(logName))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if info.Size() < maxLog {
		return info.Size(), nil
	}
	return 0, os.Rename(c.path(logName), c.path(logName+".old"))
}

// logTail returns the last lines of the log that were written after the given offset.
func (c *cluster) logTail(after int64) string {
	file, err := os.Open(c.path(logName))
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	text, err := io.ReadAll(io.NewSectionReader(file, after, 64<<10))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}
