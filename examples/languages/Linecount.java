// SPDX-License-Identifier: MIT
// Counts the lines of files, and reports that it did, but not whose.
import com.sun.jna.*;
import java.nio.file.*;

public class Linecount {
    @Structure.FieldOrder({"struct_size", "service", "schema", "log", "log_data", "core", "flags"})
    public static class Options extends Structure {
        public NativeLong struct_size = new NativeLong(size());
        public String service = "linecount", schema, core; public Pointer log, log_data; public int flags;
    }
    public static void main(String[] names) throws Exception {
        NativeLibrary lib = NativeLibrary.getInstance(System.getenv().getOrDefault("RUNSPAN_LIBRARY", "runspan"));
        Options options = new Options();
        options.schema = new String(ClassLoader.getSystemResourceAsStream("linecount.json").readAllBytes());
        long[] client = {0}, span = {0};
        lib.getFunction("runspan_open").invokeInt(new Object[] {options, client});
        lib.getFunction("runspan_set_resource_string").invokeInt(new Object[] {client[0], "service.version", "1.0.0"});
        lib.getFunction("runspan_begin").invokeInt(new Object[] {client[0], "count", span});
        lib.getFunction("runspan_set_attr_int").invokeInt(new Object[] {span[0], "params.files", (long) names.length});
        int failed = 0;
        for (String name : names) try {
            System.out.println(Files.lines(Path.of(name)).count() + " " + name);
        } catch (NoSuchFileException error) { System.err.println(error); failed = 1; }
        lib.getFunction("runspan_end").invokeInt(new Object[] {span[0], failed + 1});
        lib.getFunction("runspan_close").invokeInt(new Object[] {client[0], 300});
        System.exit(failed);
    }
}
