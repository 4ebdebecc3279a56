; SPDX-License-Identifier: Apache-2.0
;
; A texture that can be laid side by side without seams, as a new image of one layer:
;
;   (load "seamless-texture.scm")
;   (hidiffusion-seamless-texture "old bricks, photograph from the front" 1024 7)
;
; A picture is moved by half its sides, what leaves it coming in opposite. Its edges now fit each other, and what did not fit
; is a cross in its middle. The cross is filled, but for its ends, which lie at the edges: moved once more, each of them is
; in the middle and is filled, too.

(define (hidiffusion-seamless-texture prompt size seed)
  (let* ((image (car (plug-in-hidiffusion-generate #:run-mode RUN-NONINTERACTIVE
                       #:prompt prompt #:width size #:height size #:seed seed)))
         (half (quotient size 2))
         (end (quotient size 8))
         (band (quotient size 4)))

    (define (layer)
      (vector-ref (car (gimp-image-get-layers image)) 0))

    (define (move x y)
      (gimp-drawable-offset (layer) TRUE OFFSET-WRAP-AROUND '(0 0 0) x y))

    (define (fill)
      (gimp-selection-feather image (quotient size 16))
      (plug-in-hidiffusion-fill #:run-mode RUN-NONINTERACTIVE #:image image #:prompt prompt #:seed (+ seed 1))
      (gimp-selection-none image)
      (gimp-image-merge-visible-layers image CLIP-TO-IMAGE))

    (define (fill-middle)
      (gimp-image-select-ellipse image CHANNEL-OP-REPLACE
        (- half end (quotient end 2)) (- half end (quotient end 2)) (* 3 end) (* 3 end))
      (fill))

    (move half half)
    (gimp-image-select-rectangle image CHANNEL-OP-REPLACE (- half (quotient band 2)) end band (- size (* 2 end)))
    (gimp-image-select-rectangle image CHANNEL-OP-ADD end (- half (quotient band 2)) (- size (* 2 end)) band)
    (fill)
    (move 0 half)
    (fill-middle)
    (move half half)
    (fill-middle)
    image))
