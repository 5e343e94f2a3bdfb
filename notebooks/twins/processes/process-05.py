import multiprocessing

multiprocessing.set_start_method("fork", force=True)


def greet(name):
    print("%s: hello, %s" % (multiprocessing.current_process().name, name))


child = multiprocessing.Process(name="greeter", target=greet, args=("father",))
print(child.is_alive(), child.exitcode)
child.start()
child.join()
print(child.is_alive(), child.exitcode)
