/** A double click on a picture searches once: by its second click something else has come under the pointer. */

/** Pass over the second click of each double click that began on a picture, wherever it lands. */
export function passOverSecondClicks(): void {
  let beganOnPicture = false;
  addEventListener(
    "click",
    (event) => {
      if (event.detail < 2) beganOnPicture = event.target instanceof Element && event.target.closest(".picture") !== null;
      else if (beganOnPicture) {
        event.preventDefault();
        event.stopPropagation();
      }
    },
    {capture: true},
  );
}
