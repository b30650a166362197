// SPDX-License-Identifier: MIT

package install_test

import (
	"bytes"
	"crypto/sha256"
	"debug/macho"
	"debug/pe"
	"encoding/binary"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"runspan/tests/host"
)

// These wheels can't be run here, or only under wine. So their files are read.

// wheelFile returns a file of runspan/lib in the wheel with that tag.
func wheelFile(t *testing.T, tag, name string) []byte {
	t.Helper()
	file, err := openWheel(t, tag).Open("runspan/lib/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	content, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(content, []byte(host.Root)) {
		t.Errorf("%s has the path of the folder in which it was built", name)
	}
	return content
}

// surface is the functions of the ABI, sorted.
func surface(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, found := range regexp.MustCompile(`(?m)^[a-z].*?\b(runspan_\w+)\(`).FindAllSubmatch(read(t, filepath.Join(host.Root, "include", "runspan.h")), -1) {
		names = append(names, string(found[1]))
	}
	if len(names) < 20 {
		t.Fatal("runspan.h has only the functions ", names)
	}
	slices.Sort(names)
	return names
}

const (
	minimumMacOS = 12 // Go 1.26 needs it

	loadBuildVersion  = 0x32
	loadCodeSignature = 0x1d
	idDylib           = 0xd
)

// Each file has a header and a handle of its own; both are the linker's, and no other file looks for them.
var ofLinker = []string{"__mh_dylib_header", "___dso_handle"}

func TestMacOS(t *testing.T) {
	for tag, cpu := range map[string]macho.Cpu{
		fmt.Sprintf("macosx_%d_0_arm64", minimumMacOS):  macho.CpuArm64,
		fmt.Sprintf("macosx_%d_0_x86_64", minimumMacOS): macho.CpuAmd64,
	} {
		t.Run(tag, func(t *testing.T) {
			front := machO(t, tag, "librunspan.dylib", cpu, macho.TypeDylib)
			var exported []string
			for _, s := range front.Symtab.Syms {
				const external, private, inSection = 0x01, 0x10, 0x0e
				if s.Type&external != 0 && s.Type&private == 0 && s.Type&inSection == inSection && !slices.Contains(ofLinker, s.Name) {
					exported = append(exported, strings.TrimPrefix(s.Name, "_"))
				}
			}
			slices.Sort(exported)
			if want := surface(t); !slices.Equal(exported, want) {
				t.Errorf("it exports %v, want %v", exported, want)
			}
			libraries, _ := front.ImportedLibraries()
			if !slices.Equal(libraries, []string{"/usr/lib/libSystem.B.dylib"}) {
				t.Errorf("the front needs %v", libraries)
			}
			id := load(front, idDylib)
			if name, _, _ := strings.Cut(string(id[front.ByteOrder.Uint32(id[8:]):]), "\x00"); name != "@rpath/librunspan.0.dylib" {
				t.Errorf("its install name is %q", name)
			}
			core := machO(t, tag, "runspan-core", cpu, macho.TypeExec)
			libraries, _ = core.ImportedLibraries()
			for _, library := range libraries {
				if !strings.HasPrefix(library, "/usr/lib/") && !strings.HasPrefix(library, "/System/Library/Frameworks/") {
					t.Errorf("the core needs %s", library)
				}
			}
		})
	}
}

// machO reads one, and checks what all have to have.
func machO(t *testing.T, tag, name string, cpu macho.Cpu, kind macho.Type) *macho.File {
	t.Helper()
	content := wheelFile(t, tag, name)
	file, err := macho.NewFile(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	const independent = 0x200000 // MH_PIE
	if file.Cpu != cpu || file.Type != kind || kind == macho.TypeExec && file.Flags&independent == 0 {
		t.Errorf("%s is %v for %v, with flags %#x", name, file.Type, file.Cpu, file.Flags)
	}
	const macOS = 1
	version := load(file, loadBuildVersion)
	if version == nil || file.ByteOrder.Uint32(version[8:]) != macOS || file.ByteOrder.Uint32(version[12:]) > minimumMacOS<<16 {
		t.Errorf("%s: LC_BUILD_VERSION % x", name, version)
	}
	signature := load(file, loadCodeSignature)
	if signature != nil {
		checkSignature(t, name, content, int(file.ByteOrder.Uint32(signature[8:])))
	} else if cpu == macho.CpuArm64 {
		t.Errorf("%s is not signed: an arm64 kills what is not", name)
	}
	return file
}

// load returns a load command's bytes, or nil.
func load(file *macho.File, command uint32) []byte {
	for _, l := range file.Loads {
		if file.ByteOrder.Uint32(l.Raw()) == command {
			return l.Raw()
		}
	}
	return nil
}

// checkSignature computes the hashes of an ad-hoc signature's code directory again.
func checkSignature(t *testing.T, name string, content []byte, offset int) {
	t.Helper()
	const embedded, codeDirectory, adHoc, sha256Type = 0xfade0cc0, 0xfade0c02, 0x2, 2
	word := func(at int) int { return int(binary.BigEndian.Uint32(content[at:])) }
	if word(offset) != embedded {
		t.Fatalf("%s: the signature begins with %#x", name, word(offset))
	}
	at := 0
	for i := range word(offset + 8) { // of the blobs
		if blob := offset + word(offset+12+8*i+4); word(blob) == codeDirectory {
			at = blob
		}
	}
	if at == 0 {
		t.Fatalf("%s: the signature has no code directory", name)
	}
	flags, hashes, slots, limit := word(at+12), at+word(at+16), word(at+28), word(at+32)
	size, kind, page := int(content[at+36]), content[at+37], 1<<content[at+39]
	if flags&adHoc == 0 || kind != sha256Type || size != sha256.Size || limit != offset || slots != (limit+page-1)/page {
		t.Fatalf("%s: flags %#x, hash %d of %d bytes, %d slots of %d bytes up to %d; the signature is at %d", name, flags, kind, size, slots, page, limit, offset)
	}
	for i := range slots {
		if sum := sha256.Sum256(content[i*page : min((i+1)*page, limit)]); !bytes.Equal(sum[:], content[hashes+i*size:][:size]) {
			t.Fatalf("%s: page %d has been changed after it was signed", name, i)
		}
	}
}

func TestWindows(t *testing.T) {
	for tag, machine := range map[string]uint16{"win_amd64": pe.IMAGE_FILE_MACHINE_AMD64, "win_arm64": pe.IMAGE_FILE_MACHINE_ARM64} {
		t.Run(tag, func(t *testing.T) {
			front, content := portable(t, tag, "runspan.dll", machine)
			if front.Characteristics&pe.IMAGE_FILE_DLL == 0 {
				t.Error("the front is no DLL")
			}
			exported := exports(t, front, content)
			if want := surface(t); !slices.Equal(exported, want) {
				t.Errorf("it exports %v, want %v", exported, want)
			}
			portable(t, tag, "runspan-core.exe", machine)
		})
	}
}

// Parts of every Windows from 10 on.
var ofWindows = regexp.MustCompile(`(?i)^(kernel32|advapi32|ntdll|shell32|ole32|bcryptprimitives|msvcrt|api-ms-win-crt-\w+-l1-1-0)\.dll$`)

// portable reads a PE file, and checks what all have to have.
func portable(t *testing.T, tag, name string, machine uint16) (*pe.File, []byte) {
	t.Helper()
	content := wheelFile(t, tag, name)
	file, err := pe.NewFile(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	header, ok := file.OptionalHeader.(*pe.OptionalHeader64)
	if !ok || file.Machine != machine {
		t.Fatalf("%s is for %#x", name, file.Machine)
	}
	const safe = pe.IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE | pe.IMAGE_DLLCHARACTERISTICS_NX_COMPAT | pe.IMAGE_DLLCHARACTERISTICS_HIGH_ENTROPY_VA
	if header.DllCharacteristics&safe != safe {
		t.Errorf("%s: DllCharacteristics %#x", name, header.DllCharacteristics)
	}
	if header.MajorSubsystemVersion > 10 {
		t.Errorf("%s needs Windows %d", name, header.MajorSubsystemVersion)
	}
	// In place of the time of the build the linker may write a hash, and says so; it names no file for debuggers.
	const entrySize, reproducible = 28, 16
	debug, isHash := header.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_DEBUG], false
	for i := uint32(0); i < debug.Size; i += entrySize {
		kind := binary.LittleEndian.Uint32(at(t, file, content, debug.VirtualAddress+i)[12:])
		if isHash = kind == reproducible; !isHash {
			t.Errorf("%s has data of type %d for debuggers", name, kind)
		}
	}
	if file.TimeDateStamp != 0 && !isHash {
		t.Errorf("%s has the time %d", name, file.TimeDateStamp)
	}
	symbols, err := file.ImportedSymbols()
	if err != nil || len(symbols) == 0 {
		t.Errorf("%s needs %v, %v", name, symbols, err)
	}
	for _, s := range symbols {
		if _, library, _ := strings.Cut(s, ":"); !ofWindows.MatchString(library) {
			t.Errorf("%s needs %s", name, s)
		}
	}
	return file, content
}

// at returns what is at an address from there on.
func at(t *testing.T, file *pe.File, content []byte, address uint32) []byte {
	t.Helper()
	for _, s := range file.Sections {
		if address >= s.VirtualAddress && address < s.VirtualAddress+s.Size {
			return content[s.Offset+address-s.VirtualAddress:]
		}
	}
	t.Fatalf("no section has %#x", address)
	return nil
}

// exports are the names that a DLL exports, sorted as the file has to have them.
func exports(t *testing.T, file *pe.File, content []byte) []string {
	t.Helper()
	word := binary.LittleEndian.Uint32
	header, _ := file.OptionalHeader.(*pe.OptionalHeader64) // portable has looked
	directory := at(t, file, content, header.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_EXPORT].VirtualAddress)
	count, list := word(directory[24:]), at(t, file, content, word(directory[32:]))
	var names []string
	for i := range count {
		name, _, _ := bytes.Cut(at(t, file, content, word(list[4*i:])), []byte{0})
		names = append(names, string(name))
	}
	return names
}
