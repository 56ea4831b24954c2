"""Python processes with torch imported already, for tests that run many commands.

The server, `python warm_python.py SOCKET MODULE…`, imports the modules once and then waits. `python warm_python.py --as
SOCKET …` asks it to run a module as its console script would, `-m MODULE …`, or Python from stdin, `-`. That is done by
a fork of the server, which has the working directory, environment, arguments and standard streams of the one who asks,
and gives its status. What was installed since the server began is found: every fork reads site-packages anew.
"""

import importlib
import os
import runpy
import site
import socket
import struct
import sys
import sysconfig
import traceback
from pathlib import Path


def serve(address, modules):
    for module in modules:
        importlib.import_module(module)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)
        while True:
            connection, _ = listener.accept()
            with connection:
                message, streams, _, _ = socket.recv_fds(connection, 2**20, 3)
                child = os.fork()
                if child == 0:
                    listener.close()
                    run(message, streams)
                for stream in streams:
                    os.close(stream)
                _, status = os.waitpid(child, 0)
                connection.sendall(struct.pack("i", os.waitstatus_to_exitcode(status)))


def run(message, streams):
    """Become the process that was asked for."""
    folder, arguments, environment = (part.split("\n") for part in message.decode().split("\0"))
    os.chdir(folder[0])
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    # New files for them: the old ones remember whether they could be rewound.
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout, sys.stderr = (open(number, "w", closefd=False) for number in (1, 2))  # noqa: SIM115
    os.environ.clear()
    os.environ.update(pair.partition("=")[::2] for pair in environment)
    site.addsitedir(sysconfig.get_path("purelib"))
    status = 1
    try:
        if arguments[0] == "-m":
            sys.argv = arguments[1:]
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.path.insert(0, "")
            exec(compile(sys.stdin.read(), "<stdin>", "exec"), {"__name__": "__main__"})
        status = 0
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def ask(address, arguments):
    environment = [f"{name}={value}" for name, value in os.environ.items() if "\n" not in value]
    message = "\0".join("\n".join(part) for part in ([str(Path.cwd())], arguments, environment))
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        socket.send_fds(connection, [message.encode()], [0, 1, 2])
        return struct.unpack("i", connection.recv(4))[0]


if __name__ == "__main__":
    if sys.argv[1] == "--as":
        sys.exit(ask(sys.argv[2], sys.argv[3:]))
    serve(sys.argv[1], sys.argv[2:])
