// SPDX-License-Identifier: MIT

// Command launch runs a program for Windows with variables that Wine sets by itself for the
// first process, such as LOCALAPPDATA:
//
//	launch [NAME=VALUE]... PROGRAM [ARGUMENT]...
//
// It ends with the program's exit status. When there is the file that KILL_WHEN names, it
// kills the program.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

func main() {
	words := os.Args[1:]
	for len(words) > 0 && strings.Contains(words[0], "=") {
		name, value, _ := strings.Cut(words[0], "=")
		_ = os.Setenv(name, value)
		words = words[1:]
	}
	if len(words) == 0 {
		fmt.Fprintln(os.Stderr, "launch: no program is named")
		os.Exit(125)
	}
	c := exec.Command(words[0], words[1:]...)
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := c.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(125)
	}
	go killWhen(os.Getenv("KILL_WHEN"), c.Process)
	_ = c.Wait() // its state is the outcome
	os.Exit(c.ProcessState.ExitCode())
}

// killWhen kills a process when there is a file of that name. "": never.
func killWhen(file string, p *os.Process) {
	for ; file != ""; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(file); err == nil {
			_ = p.Kill()
			return
		}
	}
}
