package config

import "strings"

// nearest returns the entry of names that name was most likely meant to be, or "" if
// none is near.
func nearest(name string, names []string) string {
	if len(name) > 40 {
		return ""
	}
	best, least := "", 3
	for _, n := range names {
		d := distance(fold(name), fold(n))
		if len(name) >= 4 && strings.HasPrefix(fold(n), fold(name)) {
			d = min(d, 2) // the rest was forgotten
		}
		if d < least && 2*d < len(n) {
			best, least = n, d
		}
	}
	return best
}

// fold removes differences that people make by accident: case, and - for _.
func fold(name string) string {
	return strings.ReplaceAll(strings.ToLower(name), "-", "_")
}

// distance returns how many letters have to be inserted, dropped or changed to turn a
// into b; two neighbours that changed places count once.
func distance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
