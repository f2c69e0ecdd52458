package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cpu returns the processor time that this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// databaseCPU returns the processor time that all processes of PostgreSQL have used, or 0
// without /proc.
func (s *setup) databaseCPU() time.Duration {
	pidFiles, _ := filepath.Glob(filepath.Join(s.dir, "postgres", "pgdata", "postmaster.pid"))
	if len(pidFiles) == 0 {
		return 0
	}
	text, err := os.ReadFile(pidFiles[0])
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	postmaster, err := strconv.Atoi(line)
	if err != nil {
		return 0
	}
	var ticks int64
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range all {
		st, ok := readStat(path)
		switch {
		case !ok:
		case st.pid == postmaster:
			ticks += st.own + st.children // children are the processes that have ended
		case st.parent == postmaster:
			ticks += st.own
		}
	}
	return time.Duration(ticks) * time.Second / 100
}

// procStat is a process in /proc, with its processor time in hundredths of a second.
type procStat struct {
	pid, parent   int
	own, children int64
}

func readStat(path string) (st procStat, ok bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return st, false
	}
	end := bytes.LastIndexByte(text, ')') // the end of the name, which may hold anything
	if _, err := fmt.Sscanf(string(text), "%d", &st.pid); err != nil || end < 0 {
		return st, false
	}
	fields := strings.Fields(string(text[end+1:])) // from the third field on
	if len(fields) < 15 {
		return st, false
	}
	number := func(i int) int64 {
		n, _ := strconv.ParseInt(fields[i-3], 10, 64)
		return n
	}
	st.parent = int(number(4))
	st.own, st.children = number(14)+number(15), number(16)+number(17)
	return st, true
}
