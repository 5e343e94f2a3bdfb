try:
    lock.release()
    print("released")
except RuntimeError as error:
    print(error)
