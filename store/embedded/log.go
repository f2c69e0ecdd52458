package embedded

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
)

// longestLog is the size in bytes at which the log is put aside.
const longestLog = 8 << 20

// turnLog puts a long log aside and returns where the server's next words will
// begin, in bytes.
func (c *cluster) turnLog() (int64, error) {
	info, err := os.Stat(c.path(logName))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if info.Size() < longestLog {
		return info.Size(), nil
	}
	return 0, os.Rename(c.path(logName), c.path(logName+".old"))
}

// lastWords returns the last lines of the log that were written after the given
// byte.
func (c *cluster) lastWords(after int64) string {
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
